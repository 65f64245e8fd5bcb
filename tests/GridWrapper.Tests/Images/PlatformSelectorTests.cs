using GridWrapper.Diagnostics;
using GridWrapper.Images;

namespace GridWrapper.Tests.Images;

[Parallelizable(ParallelScope.All)]
internal sealed class PlatformSelectorTests
{
    /// <summary>Entries from "os/arch[/variant]"; "-" has no platform; the digest is the position.</summary>
    private static ImmutableArray<Descriptor> Entries(string platforms) =>
        [.. platforms.Split(' ').Select((platform, i) => new Descriptor(MediaTypes.OciManifest, Digest.Of([(byte)i]), 1)
        {
            Platform = platform.Split('/') is [var os, var architecture, .. var variant] ? new Platform(os, architecture, variant.FirstOrDefault()) : null,
        })];

    [TestCase("linux/arm64 linux/amd64", "amd64", "x86-64-v2", 1)]
    [TestCase("windows/amd64 linux/amd64", "amd64", "unknown", 1)]
    [TestCase("linux/amd64 linux/amd64/v2 linux/amd64/v3 linux/amd64/v4", "amd64", "x86-64-v3", 2)]
    [TestCase("linux/amd64/v4 linux/amd64/v3 linux/amd64", "amd64", "x86-64-v4", 0)]
    [TestCase("linux/amd64/v3 linux/amd64", "amd64", "unknown", 1)]
    [TestCase("linux/amd64/v3 linux/amd64", "amd64", "x86_64-v3", 0)]
    [TestCase("linux/amd64/odd linux/amd64", "amd64", "x86-64-v4", 1)]
    [TestCase("linux/amd64 linux/amd64", "amd64", "x86-64-v4", 0)]
    [TestCase("linux/arm/v7 linux/arm64/v8", "arm64", "unknown", 1)]
    [TestCase("linux/arm64/v9 linux/arm64", "arm64", "unknown", 1)]
    [TestCase("linux/arm64/v8.2 linux/arm64", "arm64", "armv8.2", 0)]
    [TestCase("unknown/unknown linux/amd64 unknown/unknown", "amd64", "x86-64-v1", 1)]
    [TestCase("unknown/unknown -", "amd64", "x86-64-v1", 1)]
    [TestCase("- linux/amd64", "amd64", "x86-64-v1", 1)]
    [TestCase("linux/amd64/v2 linux/amd64/v3 linux/amd64/v4", "amd64", "x86-64-v2", 0)]
    [TestCase("linux/amd64/v2 linux/amd64/v3 linux/amd64/v4", "amd64", "x86-64-v4", 2)]
    [TestCase("linux/amd64/v4 linux/amd64/v2 linux/amd64", "amd64", "x86-64-v3", 1)]
    [TestCase("linux/amd64/v1 linux/amd64/v2", "amd64", "x86-64-v1", 0)]
    [TestCase("linux/arm64/v9 linux/arm64/v8.2 linux/arm64/v8", "arm64", "armv9", 0)]
    [TestCase("linux/arm64/v9 linux/arm64/v8.2 linux/arm64/v8", "arm64", "armv8.5", 1)]
    [TestCase("linux/arm64/v9 linux/arm64/v8.2 linux/arm64/v8", "arm64", "armv8", 2)]
    [TestCase("linux/amd64 linux/arm64", "arm64", "unknown", 1)]
    [TestCase("linux/ppc64le", "ppc64le", "unknown", 0)]
    public void TakesTheBestThatRuns(string platforms, string architecture, string cpuLevel, int expected)
    {
        ImmutableArray<Descriptor> entries = Entries(platforms);

        Assert.That(PlatformSelector.Select(entries, architecture, cpuLevel, "x"), Is.SameAs(entries[expected]));
    }

    [Provokes(PilotError.ImageNotFound)]
    [TestCase("linux/arm64 windows/amd64 unknown/unknown", "it offers linux/arm64, windows/amd64:")]
    [TestCase("linux/amd64/v3", "it offers linux/amd64/v3:")]
    [TestCase("linux/amd64/v3 linux/amd64/v4 linux/arm64/v8", "it offers linux/amd64/v3, linux/amd64/v4, linux/arm64/v8:")]
    [TestCase("unknown/unknown", "it offers no image at all:")]
    [TestCase("- -", "it offers an image without platform:")]
    public void ListsWhatThereIs(string platforms, string part)
    {
        GridWrapperException e = Assert.Throws<GridWrapperException>(() => PlatformSelector.Select(Entries(platforms), "amd64", "x86-64-v2", "docker://h.x/a"))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Message, Does.Contain(part).And.Contain("docker://h.x/a has nothing for linux/amd64"));
            Assert.That(e.Failure.PilotErrorCode, Is.EqualTo(PilotError.ImageNotFound));
        }
    }

    [Test]
    public void ArtifactsBesideTheImageAreNotTaken()
    {
        Descriptor image = new(MediaTypes.OciManifest, Digest.Of([1]), 1) { Platform = new Platform("linux", "amd64") };
        Descriptor signature = image with { ArtifactType = "application/signature" };
        Descriptor foreign = image with { MediaType = "application/vnd.x" };

        Assert.That(PlatformSelector.Select([signature, foreign, image], "amd64", "unknown", "x"), Is.SameAs(image));
    }
}
