using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>An image of which CVMFS holds some layers, and how jobs in it went.</summary>
internal static partial class HybridBed
{
    internal const string Repository = "unpacked.cern.ch";

    internal const string Site = """{ "name": "test", "strategies": ["cvmfs-layers", "registry"], "cvmfs": { "copies": "accept", "firstTouchSeconds": 5, "stepSeconds": 3 } }""";

    internal static JObject Manifest => JObject.Parse(File.ReadAllText(Path.Combine(Testbed.Image, "layout/blobs/sha256", Testbed.Digests["gzip"]["sha256:".Length..])));

    internal static (string Digest, long Size)[] LayerBlobs => [.. Manifest["layers"]!.Select(l => ((string)l["digest"]!, (long)l["size"]!))];

    internal static async Task<Outcome> RunAsync(Area area, string name, CancellationToken ct, params string[] options) =>
        await area.RunAsync(ct, ["run", "--site", area.Write("site.json", Site), "--job", area.Write("job.json", new TestJob { Image = "docker://" + name }.Json), .. options]);

    internal static void CheckJob(Area area, Outcome outcome, string strategy)
    {
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That(area.ReadText(TestJob.Lfn), Is.EqualTo(TestJob.Content));
        Assert.That((string?)area.Result["attempts"]!.Last!["strategy"], Is.EqualTo(strategy), area.Result.ToString());
    }

    internal static int Kept(Area area, string form) =>
        Path.Combine(area.Cache, "store-1", form, "sha256") is var kept && Directory.Exists(kept) ? Directory.GetDirectories(kept).Length : 0;

    internal static string LayerDirectory(Area area, string digest)
    {
        string hex = digest["sha256:".Length..];
        return Path.Combine(area.Root, "source", Repository, ".layers", hex[..2], hex);
    }

    /// <summary>Lays layers out as DUCC does: the archive's files as they are, removals as ordinary files, metadata beside them.</summary>
    internal static void PublishWhere(Area area, Func<int, bool> wanted)
    {
        Directory.CreateDirectory(Path.Combine(area.Root, "source", Repository, "logDir"));
        File.WriteAllText(Path.Combine(area.Root, "source", Repository, "logDir/lastUpdate"), "2026-11-01 12:00:00 | publisher | 1793534400\n");
        string config = Path.Combine(Testbed.Image, "layout/blobs/sha256", Testbed.ConfigDigest["sha256:".Length..]);
        string[] diffIds = [.. JObject.Parse(File.ReadAllText(config))["rootfs"]!["diff_ids"]!.Select(d => (string)d!)];
        for (int i = 0; i < LayerBlobs.Length; i++)
        {
            if (!wanted(i))
            {
                continue;
            }

            string directory = LayerDirectory(area, LayerBlobs[i].Digest);
            Directory.CreateDirectory(directory + "/layerfs");
            Directory.CreateDirectory(directory + "/.metadata");
            Tool.Run("/bin/tar", "-xpzf", Path.Combine(Testbed.Image, "layout/blobs/sha256", LayerBlobs[i].Digest["sha256:".Length..]), "-C", directory + "/layerfs", "--no-same-owner");
            File.WriteAllText(directory + "/layerfs/.cvmfscatalog", "");
            File.WriteAllText(
                directory + "/.metadata/layers.json",
                $$"""[{"id":"{{diffIds[i]["sha256:".Length..]}}","compressed-diff-digest":"{{LayerBlobs[i].Digest}}","diff-digest":"{{diffIds[i]}}","diff-size":1}]""");
        }
    }

    internal static void WriteRecord(Area area, string name)
    {
        string layers = string.Join(',', LayerBlobs.Select(l => $$"""{"MediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","Size":{{l.Size}},"Digest":"{{l.Digest}}"}"""));
        string config = $$"""{"MediaType":"application/vnd.docker.container.image.v1+json","Size":1,"Digest":"{{Testbed.ConfigDigest}}"}""";
        area.Write(
            $"source/{Repository}/.metadata/{name}/manifest.json",
            $$"""{"SchemaVersion":2,"MediaType":"application/vnd.docker.distribution.manifest.v2+json","Config":{{config}},"Layers":[{{layers}}]}""");
    }

    /// <summary>Some repositories keep the configuration, byte for byte, under a name made of its digest.</summary>
    internal static void WriteConfiguration(Area area)
    {
        string hex = Testbed.ConfigDigest["sha256:".Length..];
        string name = Convert.ToBase64String(Encoding.ASCII.GetBytes(Testbed.ConfigDigest));
        area.Write($"source/{Repository}/podmanStore/overlay-images/{hex}/={name}", File.ReadAllText(Path.Combine(Testbed.Image, "layout/blobs/sha256", hex)));
    }

    internal static string UniqueName(Area area)
    {
        string name = $"{Testbed.Address}/testbed/{Path.GetFileName(area.Root)}:gzip";
        Tool.Run("/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", $"oci:{Testbed.Image}/layout:gzip", "docker://" + name);
        return name;
    }

    /// <summary>Digests of the layers that the registry sent for this area's image, to this product.</summary>
    internal static string[] LayersSent(Area area) =>
    [
        .. Testbed.AccessLog().Where(l => !l.Contains("skopeo", StringComparison.Ordinal)).Select(l => BlobRequest().Match(l))
            .Where(m => m.Success && m.Groups[1].Value == Path.GetFileName(area.Root) && m.Groups[2].Value != Testbed.ConfigDigest).Select(m => m.Groups[2].Value),
    ];

    [GeneratedRegex("\"GET /v2/testbed/(area-[0-9a-f]+)/blobs/(sha256:[0-9a-f]{64}) ")]
    private static partial Regex BlobRequest();
}
