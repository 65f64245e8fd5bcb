using GridWrapper.Sites;

namespace GridWrapper.Tests.Staging;

[Parallelizable(ParallelScope.All)]
public sealed class StorageAddressTest
{
    [TestCase("/data/out/", StorageKind.Directory, "/data/out/f.1")]
    [TestCase("/", StorageKind.Directory, "/f.1")]
    [TestCase("file:///", StorageKind.Directory, "/f.1")]
    [TestCase("file:///data/my%20out", StorageKind.Directory, "/data/my out/f.1")]
    [TestCase("davs://se.example:443/atlas", StorageKind.Web, "https://se.example:443/atlas/f.1")]
    [TestCase("dav://se.example", StorageKind.Web, "http://se.example/f.1")]
    [TestCase("https://se.example/a/", StorageKind.Web, "https://se.example/a/f.1")]
    [TestCase("root://se.example//atlas", StorageKind.Xrootd, "root://se.example//atlas/f.1")]
    [TestCase("root://se.example:1094", StorageKind.Xrootd, "root://se.example:1094//f.1")]
    [TestCase("roots://se.example//", StorageKind.Xrootd, "roots://se.example//f.1")]
    [TestCase("harvester://", StorageKind.Harvester, "/f.1")]
    [TestCase("harvester:///worker", StorageKind.Harvester, "/worker/f.1")]
    [TestCase("/data/{rucio}", StorageKind.Directory, "/data/user/jdoe/f2/d7/f.1")]
    [TestCase("davs://se.example/rucio/{rucio}", StorageKind.Web, "https://se.example/rucio/user/jdoe/f2/d7/f.1")]
    [TestCase("root://se.example//rucio/{rucio}/", StorageKind.Xrootd, "root://se.example//rucio/user/jdoe/f2/d7/f.1")]
    public void Places(string text, object kind, string place)
    {
        Assert.That(StorageAddress.Fault(text), Is.Null);
        StorageAddress address = StorageAddress.Of(text);
        Assert.That((address.Kind, address.PlaceOf("f.1", "user.jdoe")), Is.EqualTo(((StorageKind)kind, place)));
    }

    [TestCase("harvester:///a/../b", "neither harvester:// nor")]
    [TestCase("harvester://host/b", "neither harvester:// nor")]
    [TestCase("out", "neither an absolute directory nor an address")]
    [TestCase("", "neither an absolute directory")]
    [TestCase("/a/../b", "holds \"..\"")]
    [TestCase("file://host/x", "names another host")]
    [TestCase("s3://bucket/x", "no protocol that files can be moved by")]
    [TestCase("davs:///x", "is not an address")]
    [TestCase("https://user:secret@se.example/x", "holds a user or password")]
    [TestCase("root://se.example//x?authz=secret", "holds a '?'")]
    public void What_is_no_address_is_refused_by_name(string text, string part)
    {
        string? fault = StorageAddress.Fault(text);
        Assert.That(fault, Does.Contain(part).And.Not.Contain("secret"));
    }

    /// <summary>Computed with Python's hashlib by Rucio's rule: only the dots of personal scopes become directories.</summary>
    [TestCase("user.jdoe", "f.1", "user/jdoe/f2/d7/f.1")]
    [TestCase("mc16_13TeV", "EVNT.1._000001.pool.root.1", "mc16_13TeV/6c/8f/EVNT.1._000001.pool.root.1")]
    [TestCase("group.phys-higgs", "a", "group/phys-higgs/23/01/a")]
    [TestCase("data.test", "a", "data.test/9e/4f/a")]
    public void Rucio_s_paths(string scope, string lfn, string expected) => Assert.That(RucioPath.Of(scope, lfn), Is.EqualTo(expected));
}
