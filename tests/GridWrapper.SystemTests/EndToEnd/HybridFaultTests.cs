using Newtonsoft.Json.Linq;
using static GridWrapper.SystemTests.EndToEnd.HybridBed;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Roots of layers of CVMFS and served ones, where what has to be fetched does not come or has no room.</summary>
[TestFixture, NonParallelizable, CancelAfter(120_000)]
internal sealed class HybridFaultTests : EndToEndFixture
{
    [Test]
    public async Task A_layer_that_the_registry_has_lost_is_told_and_the_next_run_fetches_what_is_missing(CancellationToken ct)
    {
        string store = Path.Combine(Testbed.Base, "registry-that-loses");
        string address = (await Tool.RunAsync(Testbed.Script("registry.sh"), "start", store, "0")).Trim();
        try
        {
            Area area = MixedNode(there: 0);
            string name = $"{address}/lost/image:gzip";
            await Tool.RunAsync("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", $"oci:{Testbed.Image}/layout:gzip", "docker://" + name);
            string hex = LayerBlobs[^1].Digest["sha256:".Length..];
            string blob = $"{store}/storage/docker/registry/v2/blobs/sha256/{hex[..2]}/{hex}/data";
            File.Move(blob, blob + ".away");

            Outcome lost = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");
            JObject failure = (JObject)area.Result["failure"]!;
            string[] left = Directory.GetFileSystemEntries(area.Cache + "/store-1/tmp");
            File.Move(blob + ".away", blob);
            Outcome again = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");

            using (Assert.EnterMultipleScope())
            {
                Assert.That(lost.ExitCode, Is.EqualTo(125), lost.ToString());
                Assert.That((string?)failure["blame"], Is.EqualTo("registry"), failure.ToString());
                Assert.That((string?)failure["message"], Does.Contain(hex).And.Contain(address), failure.ToString());
                Assert.That(left, Is.Empty);
                CheckJob(area, again, "cvmfs-layers");
                Assert.That(area.Result["image"]!["layers"]!.Last!["packed"]?.Value<bool>(), Is.True);
                Assert.That(Kept(area, "packed"), Is.EqualTo(LayerBlobs.Length - 1));
            }
        }
        finally
        {
            await Tool.RunAsync(Testbed.Script("registry.sh"), "stop", store);
        }
    }

    [Test]
    public async Task Where_the_missing_layers_fit_only_compressed_they_are_kept_so(CancellationToken ct)
    {
        Area area = MixedNode(there: 1);
        string name = UniqueName(area);
        long missing = LayerBlobs.Where((_, i) => i != 1).Sum(layer => layer.Size);
        MountCache(area, missing * 5 / 2);

        Outcome outcome = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");

        using (Assert.EnterMultipleScope())
        {
            CheckJob(area, outcome, "cvmfs-layers");
            Assert.That(Directory.GetFiles(area.Cache, "blob", SearchOption.AllDirectories), Has.Length.EqualTo(LayerBlobs.Length - 1));
            Assert.That(Directory.GetFiles(area.Cache, "data", SearchOption.AllDirectories), Is.Empty);
        }
    }

    [Test]
    public async Task Where_they_do_not_fit_at_all_nothing_is_fetched(CancellationToken ct)
    {
        Area area = MixedNode(there: 1);
        string name = UniqueName(area);
        MountCache(area, LayerBlobs.Where((_, i) => i != 1).Sum(layer => layer.Size) / 2);

        Outcome outcome = await RunAsync(area, name, ct, "--strategy", "cvmfs-layers");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(75), outcome.ToString());
            Assert.That((int?)area.Result["failure"]!["pilotErrorCode"], Is.EqualTo(1098), outcome.ToString());
            Assert.That((string?)area.Result["failure"]!["blame"], Is.EqualTo("site"));
            Assert.That(outcome.Stderr, Does.Contain(area.Cache));
            Assert.That(LayersSent(area), Is.Empty);
        }
    }

    /// <summary>A node that can serve, with one of the layers in CVMFS.</summary>
    private Area MixedNode(int there)
    {
        Area area = FuseNode();
        PublishWhere(area, i => i == there);
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "source");
        return area;
    }
}
