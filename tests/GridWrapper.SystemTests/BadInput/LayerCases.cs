using System.IO.Compression;
using GridWrapper.Tests.Layers;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>Layers that are damaged, or made to do damage.</summary>
internal static class LayerCases
{
    private const string Other = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    internal static IEnumerable<BadCase> All =>
    [
        Layer("layer that is always cut short", i => i with { ServedLayer = new ScriptedAnswer(200, "application/octet-stream", i.Layer) { CutAt = i.Layer.Length / 2 } }, "fetch-blob", "broke") with { Blame = "registry", Pilot = 1306 },
        Layer("layer that is missing", i => i with { ServedLayer = ScriptedAnswer.Text(404, "application/json", """{"errors":[{"code":"BLOB_UNKNOWN"}]}""") }, "fetch-blob", "404", "push the image again") with { Blame = "registry", Pilot = 1306 },
        Layer("layer with other bytes", i => i with { ServedLayer = new ScriptedAnswer(200, "application/octet-stream", Changed(i.Layer)) }, "verify-digest", "wrong bytes") with { Blame = "registry" },
        Layer("layer that is longer than it says", i => i with { ServedLayer = new ScriptedAnswer(200, "application/octet-stream", [.. i.Layer, 0, 0, 0]) }, "verify-digest", "wrong bytes") with { Blame = "registry" },
        Layer("layer that is garbage", i => i with { Blob = Encoding.ASCII.GetBytes("this is neither gzip nor tar, whatever the manifest says of it") }, "unpack-layer", "built and pushed again"),
        Layer("layer whose compression breaks", i => i with { Blob = Changed(TarBuilder.Gzip(i.Tar), 15) }, "unpack-layer", "gzip data is damaged"),
        Layer("layer whose archive ends in the middle", i => i with { Tar = i.Tar[..700] }, "unpack-layer", "end"),
        Layer("layer that climbs out", i => i with { Tar = new TarBuilder().File("../escaped", "x").Build() }, "unpack-layer", ".."),
        Layer("layer whose root is a link", i => i with { Tar = new TarBuilder().Symlink(".", "/etc").File("passwd", "x").Build() }, "unpack-layer", "root"),
        Layer("layer that links out", i => i with { Tar = new TarBuilder().HardLink("a", "../../etc/passwd").Build() }, "unpack-layer", ".."),
        Layer("layer that is not the configuration's", i => i with { DiffIds = [Other] }, "unpack-layer", Other),
        Layer("layer that grows beyond all measure", _ => Bomb(), "unpack-layer", "bytes"),
    ];

    private static BadCase Layer(string name, Func<TinyImage, TinyImage> change, string step, params string[] says) => new()
    {
        Name = name,
        Prepare = bed => ["pull", "--strategy", "registry", bed.Keep(new ScriptedRegistry()).Serve(change(new TinyImage()))],
        Exit = 125,
        Blame = "image",
        Step = step,
        Pilot = 1309,
        Says = says,
    };

    private static byte[] Changed(byte[] bytes, int at = 12)
    {
        byte[] changed = [.. bytes];
        changed[at] ^= 0xff;
        return changed;
    }

    /// <summary>An honest archive followed by more than a gigabyte of zeros, in a megabyte of gzip members.</summary>
    private static TinyImage Bomb()
    {
        byte[] tar = new TarBuilder().File("a", "x").Build();
        using MemoryStream member = new();
        using (GZipStream gzip = new(member, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(new byte[64 << 20]);
        }

        byte[] blob = [.. TarBuilder.Gzip(tar), .. Enumerable.Repeat(member.ToArray(), 17).SelectMany(b => b)];
        return new TinyImage { Tar = tar, Blob = blob };
    }
}
