using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public class MiniatureCvmfsTests
{
    private static readonly CvmfsName s_name = new("127.0.0.1:5000", "group/miniature", "1.0");

    private readonly string _directory = Miniature.Scratch();

    [TearDown]
    public void RemoveScratch() => Miniature.Remove(_directory);

    [TestCase("registry.hub.docker.com", "library/demo", "../../.flat/")]
    [TestCase("127.0.0.1:5000", "a/b/c", "../../../.flat/")]
    [TestCase("ghcr.io", "one", "../.flat/")]
    public async Task The_public_name_is_a_relative_link_of_the_right_depth(string host, string repository, string expected)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        MiniatureCvmfs.Publish(image, _directory, new CvmfsName(host, repository, "latest"), new CvmfsTag.Current());

        string link = Path.Combine(_directory, host, repository + ":latest");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(new FileInfo(link).LinkTarget, Is.EqualTo($"{expected}{image.Config.Digest.Hex[..2]}/{image.Config.Digest.Hex}"));
            Assert.That(await File.ReadAllTextAsync(Path.Combine(link, "srv/marker")), Is.EqualTo(image.Marker + "\n"));
        }
    }

    [Test]
    public async Task The_flat_tree_is_merged_and_bears_what_ducc_adds()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        MiniatureCvmfs.Publish(image, _directory, s_name, new CvmfsTag.Current());
        string flat = Path.Combine(_directory, s_name.Path);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Path.Combine(flat, "etc/deleted"), Does.Not.Exist);
            Assert.That(
                await File.ReadAllTextAsync(Path.Combine(flat, ".singularity.d/env/10-docker2singularity.sh")),
                Is.EqualTo($"#!/bin/sh\nexport PATH=\"{MiniatureImage.SearchPath}\"\nexport GRIDWRAP_MINIATURE=\"${{GRIDWRAP_MINIATURE:-\"1\"}}\"\n"));
            Assert.That(await File.ReadAllTextAsync(Path.Combine(flat, "singularity")), Does.Contain("OCI_CMD='\"/bin/sh\"'"));
            Assert.That(File.GetUnixFileMode(Path.Combine(flat, "tmp")), Is.EqualTo((UnixFileMode)0x1ff), "0777, without the sticky bit");
            Assert.That(Path.Combine(flat, ".cvmfscatalog"), Does.Exist);
        }
    }

    [Test]
    public async Task Layers_lie_under_their_blob_digest_with_raw_whiteouts()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        MiniatureCvmfs.Publish(image, _directory, s_name, new CvmfsTag.Current());
        string layer = Path.Combine(_directory, ".layers", image.Layers[2].Digest.Hex[..2], image.Layers[2].Digest.Hex);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(new FileInfo(Path.Combine(layer, "layerfs/etc/.wh.deleted")), Has.Length.Zero);
            Assert.That(Path.Combine(layer, "layerfs/opt/opaque/.wh..wh..opq"), Does.Exist);
            Assert.That(JArray.Parse(await File.ReadAllTextAsync(Path.Combine(layer, ".metadata/layers.json")))[0]["diff-digest"]!.ToString(), Is.EqualTo(image.Layers[2].DiffId.ToString()));
            Assert.That(JObject.Parse(await File.ReadAllTextAsync(Path.Combine(layer, ".metadata/origin.json")))["origin"]![0]!.ToString(), Is.EqualTo(image.Config.Digest.ToString()));
        }
    }

    [Test]
    public async Task The_manifest_has_capitalised_keys()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        MiniatureCvmfs.Publish(image, _directory, s_name, new CvmfsTag.Current());
        JObject manifest = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(_directory, ".metadata", s_name.Path, "manifest.json")));

        Assert.That((string?)manifest["Config"]!["Digest"], Is.EqualTo(image.Config.Digest.ToString()));
    }

    [Test]
    public async Task Layers_may_be_there_before_the_image_is_and_one_be_missing()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        MiniatureCvmfs.Publish(image, _directory, s_name, new CvmfsTag.Layers(Missing: 1));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(image.Layers.Select(l => Directory.Exists(Path.Combine(_directory, ".layers", l.Digest.Hex[..2], l.Digest.Hex, "layerfs"))), Is.EqualTo(new[] { true, false, true }));
            Assert.That(Path.Combine(_directory, ".flat"), Does.Not.Exist);
            Assert.That(Path.Combine(_directory, s_name.Path), Does.Not.Exist);
            Assert.That(Path.Combine(_directory, ".metadata", s_name.Path, "manifest.json"), Does.Exist);
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_stale_tag_points_to_the_older_image(bool currentTreeToo)
    {
        MiniatureImage image = await Miniature.ImageAsync();
        MiniatureImage older = await Miniature.ImageAsync("an older image");
        MiniatureCvmfs.Publish(image, _directory, s_name, new CvmfsTag.Stale(older, currentTreeToo));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await File.ReadAllTextAsync(Path.Combine(_directory, s_name.Path, "srv/marker")), Is.EqualTo("an older image\n"));
            Assert.That(Directory.Exists(Path.Combine(_directory, ".flat", image.Config.Digest.Hex[..2], image.Config.Digest.Hex)), Is.EqualTo(currentTreeToo));
        }
    }

    [Test]
    public async Task The_heartbeat_states_the_time()
    {
        MiniatureCvmfs.WriteHeartbeat(_directory, TimeProvider.System);
        string[] fields = (await File.ReadAllTextAsync(Path.Combine(_directory, "logDir/lastUpdate"))).Split('|', StringSplitOptions.TrimEntries);

        Assert.That(long.Parse(fields[2], CultureInfo.InvariantCulture), Is.EqualTo(DateTimeOffset.UtcNow.ToUnixTimeSeconds()).Within(60));
    }
}
