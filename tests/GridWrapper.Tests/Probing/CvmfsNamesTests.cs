using GridWrapper.Images;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class CvmfsNamesTests
{
    private static readonly Digest D = Digest.Of("x"u8);

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string host in (string[])["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"])
        {
            yield return new TestCaseData(
                new ImageReference.InRegistry(host, "library/centos", "7", null),
                (string[])["registry.hub.docker.com/library/centos:7", "registry.hub.docker.com/centos:7", "docker.io/library/centos:7", "docker.io/centos:7",
                    "registry-1.docker.io/library/centos:7", "registry-1.docker.io/centos:7", "index.docker.io/library/centos:7", "index.docker.io/centos:7"]).SetArgDisplayNames(host);
        }

        yield return new TestCaseData(
            new ImageReference.InRegistry("docker.io", "atlas/athena", "24", null),
            (string[])["registry.hub.docker.com/atlas/athena:24", "docker.io/atlas/athena:24", "registry-1.docker.io/atlas/athena:24", "index.docker.io/atlas/athena:24"]).SetArgDisplayNames("two components");
        yield return new TestCaseData(new ImageReference.InRegistry("GitLab.test:5005", "a/b/c", "x", null), (string[])["GitLab.test:5005/a/b/c:x", "gitlab.test:5005/a/b/c:x"])
            .SetArgDisplayNames("upper-case host with port");
        yield return new TestCaseData(new ImageReference.InRegistry("ghcr.io", "a/b", null, D), (string[])[$"ghcr.io/a/b:sha256:{D.Hex}"]).SetArgDisplayNames("digest only");
        yield return new TestCaseData(new ImageReference.InRegistry("ghcr.io", "a/b", "t", D), (string[])["ghcr.io/a/b:t"]).SetArgDisplayNames("tag and digest");
        yield return new TestCaseData(new ImageReference.InRegistry("ghcr.io", "a/b", null, null), (string[])["ghcr.io/a/b:latest"]).SetArgDisplayNames("neither");
    }

    [TestCaseSource(nameof(Cases))]
    public void Names_are_tried_in_the_order_of_the_reference(object reference, string[] plain)
    {
        ImmutableArray<string> names = CvmfsNames.Of((ImageReference.InRegistry)reference, new Platform("linux", "amd64"));
        Assert.That(names, Is.EqualTo(plain.Select(p => ".multiarch/amd64/" + p).Concat(plain)));
    }

    [Test]
    public void A_variant_of_the_architecture_comes_first() =>
        Assert.That(
            CvmfsNames.Of(new ImageReference.InRegistry("h", "r", "t", null), new Platform("linux", "arm64", "v8")),
            Is.EqualTo((string[])[".multiarch/arm64:v8/h/r:t", ".multiarch/arm64/h/r:t", "h/r:t"]));

    [TestCase("a/b", "../.flat/aa/x", ".flat/aa/x")]
    [TestCase("a/b", "/cvmfs/r.test/x/../y", "y")]
    [TestCase("a/b", "/mnt/r.test/x", "x")]
    [TestCase("a/b", "../../r.test/x", null)]
    [TestCase("a/b", "/cvmfs/r.test2/x", null)]
    [TestCase("b", "./x//y/.", "x/y")]
    public void Links_are_followed_within_the_repository_only(string link, string target, string? expected) =>
        Assert.That(CvmfsPath.Follow(link, target, "/mnt/r.test", "/mnt"), Is.EqualTo(expected));

    [TestCase("/cvmfs/r/x", "/cvmfs", "r")]
    [TestCase("/cvmfs/r", "/cvmfs", "r")]
    [TestCase("/cvmfs", "/cvmfs", null)]
    [TestCase("/cvmfs2/r", "/cvmfs", null)]
    public void The_repository_is_the_first_component_below_the_root(string path, string root, string? expected) =>
        Assert.That(CvmfsPath.RepositoryOf(path, root), Is.EqualTo(expected));
}
