using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using GridWrapper.Images;
using GridWrapper.Serving;
using GridWrapper.Tests.Documentation;
using GridWrapper.Tests.Layers;
using GridWrapper.Tests.Probing;

namespace GridWrapper.Tests.Serving;

/// <summary>What tests/testbed/lazy-image.py packs, with code of its own and real zstd frames, is read as the archive that it was made of.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LazyImageScriptTests
{
    [TestCase("estargz", "--chunk 1000")]
    [TestCase("estargz", "--chunk 1000 --share 5000")]
    [TestCase("containers", "--chunk 1000")]
    [TestCase("snapshotter", "--chunk 1000")]
    public async Task A_repacked_layer_is_read_as_its_archive(string format, string options, CancellationToken ct)
    {
        Assume.That(File.Exists("/usr/bin/python3"), "the program python3 is missing");
        Assume.That(format == "estargz" || System.Runtime.InteropServices.NativeLibrary.TryLoad("libzstd.so.1", out _), "the library libzstd.so.1 is missing");
        using var scratch = new Scratch();
        byte[] tar = new TarBuilder().Dir("usr").File("usr/big", string.Concat(Enumerable.Range(0, 2000))).File("usr/small", "s", 0x9ED).File("empty").Symlink("l", "usr/small").HardLink("h", "usr/small")
            .Whiteout("gone").Pax(("SCHILY.xattr.user.a", "b")).File("x", "x").Build();
        WriteLayout(scratch.Path + "/source", tar);

        using Process python = Process.Start("/usr/bin/python3", [Repository.PathOf("tests/testbed/lazy-image.py"), scratch.Path + "/source", scratch.Path + "/target", "--format", format, .. options.Split(' ')]);
        await python.WaitForExitAsync(ct);
        (Descriptor layer, byte[] blob) = ReadLayout(scratch.Path + "/target");
        using var bench = new LazyBench();
        LazyLayer opened = await bench.OpenAsync(layer, new MemoryRanges(blob), ct);

        Assert.That(
            NodeListing.Of(opened.Tree.Table, node => LazyBench.Content(opened, node), times: true),
            Is.EqualTo(NodeListing.Of(LayerTrees.Of(tar).Table, node => tar.AsSpan((int)node.Data, (int)node.Size).ToArray(), times: true)));
    }

    private static void WriteLayout(string layout, byte[] tar)
    {
        Directory.CreateDirectory(layout + "/blobs/sha256");
        JsonObject Put(byte[] bytes)
        {
            string hex = Convert.ToHexStringLower(SHA256.HashData(bytes));
            File.WriteAllBytes($"{layout}/blobs/sha256/{hex}", bytes);
            return new JsonObject { ["digest"] = "sha256:" + hex, ["size"] = bytes.Length, ["mediaType"] = "application/vnd.oci.image.manifest.v1+json" };
        }

        JsonObject layer = Put(TarBuilder.Gzip(tar));
        JsonObject config = Put(Encoding.UTF8.GetBytes("""{"rootfs":{"type":"layers","diff_ids":[]}}"""));
        JsonObject manifest = Put(Encoding.UTF8.GetBytes(new JsonObject { ["config"] = config, ["layers"] = new JsonArray(layer) }.ToJsonString()));
        File.WriteAllText(layout + "/index.json", new JsonObject { ["manifests"] = new JsonArray(manifest) }.ToJsonString());
        File.WriteAllText(layout + "/oci-layout", "{}");
    }

    private static (Descriptor Layer, byte[] Blob) ReadLayout(string layout)
    {
        byte[] Blob(JsonNode node) => File.ReadAllBytes($"{layout}/blobs/sha256/{node["digest"]!.GetValue<string>()[7..]}");
        JsonNode manifest = JsonNode.Parse(Blob(JsonNode.Parse(File.ReadAllText(layout + "/index.json"))!["manifests"]![0]!))!;
        JsonNode layer = manifest["layers"]![0]!;
        var annotations = layer["annotations"]!.AsObject().ToImmutableDictionary(a => a.Key, a => a.Value!.GetValue<string>());
        return (new Descriptor(layer["mediaType"]!.GetValue<string>(), Digest.Parse(layer["digest"]!.GetValue<string>()), layer["size"]!.GetValue<long>()) { Annotations = annotations }, Blob(layer));
    }
}
