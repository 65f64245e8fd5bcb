using GridWrapper.Diagnostics;
using GridWrapper.Images;

namespace GridWrapper.Tests.Images;

[Parallelizable(ParallelScope.All)]
internal sealed class ImageReferenceParserTests
{
    private const string Here = "/job/dir";
    private const string Hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private static string Long(int count) => new('a', count);

    // The expected text is the canonical one; each is parsed again and must print the same, so the table checks the round trip too.
    [TestCase("alpine", "docker://docker.io/library/alpine:latest")]
    [TestCase("alpine:3.7", "docker://docker.io/library/alpine:3.7")]
    [TestCase("docker://alpine:3.7", "docker://docker.io/library/alpine:3.7")]
    [TestCase("docker://index.docker.io/alpine", "docker://docker.io/library/alpine:latest")]
    [TestCase("docker.io/atlas/athena:21.0.15", "docker://docker.io/atlas/athena:21.0.15")]
    [TestCase("atlas/athena:21.0.15", "docker://docker.io/atlas/athena:21.0.15")]
    [TestCase("el9", "docker://docker.io/library/el9:latest")]
    [TestCase("docker:dind", "docker://docker.io/library/docker:dind")]
    [TestCase("localhost:5000", "docker://docker.io/library/localhost:5000")]
    [TestCase("localhost/a", "docker://localhost/a:latest")]
    [TestCase("localhost:5000/a/b:t", "docker://localhost:5000/a/b:t")]
    [TestCase("docker://host:5000/g/i:1", "docker://host:5000/g/i:1")]
    [TestCase("[::1]:5000/a/b:t", "docker://[::1]:5000/a/b:t")]
    [TestCase("[2001:db8::1]/a", "docker://[2001:db8::1]/a:latest")]
    [TestCase("Registry.Example.ORG/a", "docker://registry.example.org/a:latest")]
    [TestCase("docker://gitlab-registry.cern.ch/grp/img@sha256:" + Hex, "docker://gitlab-registry.cern.ch/grp/img@sha256:" + Hex)]
    [TestCase("alpine@sha256:" + Hex, "docker://docker.io/library/alpine@sha256:" + Hex)]
    [TestCase("alpine:3.7@sha256:" + Hex, "docker://docker.io/library/alpine:3.7@sha256:" + Hex)]
    [TestCase("host.x/a.b/c_d/e__f/g-h/i---j", "docker://host.x/a.b/c_d/e__f/g-h/i---j:latest")]
    [TestCase("a:_Tag.1-x", "docker://docker.io/library/a:_Tag.1-x")]
    [TestCase("/cvmfs/unpacked.cern.ch/registry.hub.docker.com/library/alpine:3.7", "/cvmfs/unpacked.cern.ch/registry.hub.docker.com/library/alpine:3.7")]
    [TestCase("/tmp/../cvmfs//x/./y/", "/cvmfs/x/y")]
    [TestCase("/", "/")]
    [TestCase(".", "/job/dir")]
    [TestCase("..", "/job")]
    [TestCase("./a b/rootfs", "/job/dir/a b/rootfs")]
    [TestCase("../x.sif", "/job/x.sif")]
    [TestCase("file:///x/y.sif", "/x/y.sif")]
    [TestCase("oci:layout", "oci:/job/dir/layout")]
    [TestCase("oci:/a/layout:v1", "oci:/a/layout:v1")]
    [TestCase("oci:///a/layout", "oci:/a/layout")]
    [TestCase("oci-archive:x.tar:docker.io/library/alpine:3.7", "oci-archive:/job/dir/x.tar:docker.io/library/alpine:3.7")]
    [TestCase("docker-archive:../x.tar:alpine:3.7", "docker-archive:/job/x.tar:alpine:3.7")]
    public void ReadsAndPrintsTheSameAgain(string text, string canonical)
    {
        ImageReference first = ImageReferenceParser.Parse(text, Here);
        ImageReference second = ImageReferenceParser.Parse(first.ToString(), "/elsewhere");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.ToString(), Is.EqualTo(canonical));
            Assert.That(second, Is.EqualTo(first));
        }
    }

    [Test]
    public void PartsOfARegistryReference()
    {
        ImageReference reference = ImageReferenceParser.Parse("host:5000/a/b:t@sha256:" + Hex, Here);

        Assert.That(reference, Is.EqualTo(new ImageReference.InRegistry("host:5000", "a/b", "t", Digest.Parse("sha256:" + Hex))));
    }

    [Test]
    public void ADigestAloneGivesNoTag()
    {
        ImageReference reference = ImageReferenceParser.Parse("a@sha256:" + Hex, Here);

        Assert.That(reference, Is.EqualTo(new ImageReference.InRegistry("docker.io", "library/a", null, Digest.Parse("sha256:" + Hex))));
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case("", "it is empty");
        yield return Case("docker://", "there is no name after 'docker://'");
        yield return Case("docker:///alpine", "part of the repository is empty");
        yield return Case("Alpine", "upper-case 'A' in the repository part 'Alpine'; repositories are lower case: 'alpine'");
        yield return Case("Team/image", "upper-case 'T'");
        yield return Case("host.x/a/Bc", "upper-case 'B' in the repository part 'Bc'");
        yield return Case("a//b", "empty; check the slashes");
        yield return Case("a/b/", "empty; check the slashes");
        yield return Case("a:", "the tag after ':' is empty");
        yield return Case("a:-x", "'-' in the tag '-x' is not allowed at its beginning");
        yield return Case("a:x/y", "'x' is not a port (1 to 65535) of the host 'a'");
        yield return Case("a:t:u", "':' in the tag 't:u'");
        yield return Case("a:" + Long(129), "the tag has 129 characters");
        yield return Case("a@" + Hex, "after '@' a digest must follow");
        yield return Case("a@sha256:abc", "after '@' a digest must follow");
        yield return Case("a@sha256:" + Hex.ToUpperInvariant(), "write it in lower case");
        yield return Case("a@sha512:" + Hex + Hex, "only sha256 is supported");
        yield return Case(Hex, "image ID");
        yield return Case("a___b", "'___' in the repository part 'a___b' is not a separator");
        yield return Case("a..b", "'..' in the repository part");
        yield return Case("a._b", "'._' in the repository part");
        yield return Case("-a", "begins with '-'");
        yield return Case("h.x/_a", "must begin and end with a letter or a digit");
        yield return Case("h.x/a-", "must begin and end with a letter or a digit");
        yield return Case("a+b", "'+' is not allowed in the repository part 'a+b'");
        yield return Case("h.x:0/a", "'0' is not a port");
        yield return Case("h.x:65536/a", "'65536' is not a port");
        yield return Case("h.x:port/a", "'port' is not a port");
        yield return Case("h.x:/a", "'' is not a port");
        yield return Case("h..x/a", "empty part; check the dots");
        yield return Case("-h.x/a", "begins with '-'");
        yield return Case("h.-x/a", "begins or ends with '-'");
        yield return Case("h_x.y/a", "'_' is not allowed in the host");
        yield return Case("[::zz]:1/a", "not an IPv6 address");
        yield return Case("[::1/a", "not an IPv6 address");
        yield return Case("h.x/" + Long(252), "more than 255 characters");
        yield return Case("a b", "holds a blank");
        yield return Case(" a", "begins or ends with a blank");
        yield return Case("a\n", "control character");
        yield return Case("a\u001b[31m", "control character");
        yield return Case("alpine:${TAG}", "a template was not expanded");
        yield return Case("'alpine'", "check the quoting");
        yield return Case("~/image", "'~' is not expanded");
        yield return Case("oras://h.x/a", "oras:// (a SIF file kept in a registry) is not supported; fetch it");
        yield return Case("library://a/b/c", "library:// is not supported; fetch it");
        yield return Case("shub://a/b", "shub:// is not supported");
        yield return Case("https://h.x/a.sif", "download the file and give its path");
        yield return Case("http://h.x/a", "http:// is not supported");
        yield return Case("docker-daemon:a:b", "needs a daemon");
        yield return Case("ftp://x", "the scheme 'ftp://' is not known; use docker://");
        yield return Case("Docker://alpine", "in lower case");
        yield return Case("file://x", "an absolute path must follow");
        yield return Case("oci:", "there is no path after 'oci:'");
        yield return Case("oci://x", "a path must follow, not '//'");
        yield return Case("oci:x:", "the tag after the path's ':' is empty");
        yield return Case("alma9.sif", "it looks like a file; write ./alma9.sif");
        yield return Case("é", "'é' is not allowed");

        static TestCaseData Case(string text, string part) => new(text, part);
    }

    [TestCaseSource(nameof(Wrong))]
    public void SaysWhatIsWrong(string text, string part)
    {
        bool ok = ImageReferenceParser.TryParse(text, Here, out ImageReference? reference, out string? error);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ok, Is.False);
            Assert.That(reference, Is.Null);
            Assert.That(error, Does.Contain(part).And.StartWith("the image reference '"));
            Assert.That(error, Does.Not.Contain('\u001b').And.Not.Contain('\n'));
        }
    }

    [Test]
    public void LimitsAreInclusive()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ImageReferenceParser.TryParse("h.x/" + Long(251), Here, out _, out _), Is.True);
            Assert.That(ImageReferenceParser.TryParse("a:" + Long(128), Here, out _, out _), Is.True);
            Assert.That(ImageReferenceParser.TryParse("h.x:65535/a", Here, out _, out _), Is.True);
        }
    }

    [Test]
    public void ParseThrowsForTheCommandLine()
    {
        GridWrapperException e = Assert.Throws<GridWrapperException>(() => ImageReferenceParser.Parse("A", Here))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Failure.ExitCode, Is.EqualTo(ExitCodes.Usage));
            Assert.That(e.Failure.Blame, Is.EqualTo(Blame.User));
        }
    }
}
