using GridWrapper.Images;
using GridWrapper.Tests.Layers;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>An image of layers of one's own making, as an OCI layout in a directory that everybody can read.</summary>
internal static class LayoutImage
{
    /// <summary>Files of ten megabytes that gzip makes a thousandth of: what the size of the blob foretells is wrong.</summary>
    internal static byte[] Megabytes(string name, int megabytes) => new TarBuilder().File(name, new string(name[0], megabytes * 1_000_000)).Build();

    /// <summary>Many empty files.</summary>
    internal static byte[] Files(string name, int count)
    {
        TarBuilder tar = new TarBuilder().Dir(name);
        for (int i = 0; i < count; i++)
        {
            tar.File(string.Create(CultureInfo.InvariantCulture, $"{name}/{i}"));
        }

        return tar.Build();
    }

    /// <returns>The reference by which the image is named.</returns>
    internal static string Write(string directory, params byte[][] tars)
    {
        byte[][] layers = [.. tars.Select(TarBuilder.Gzip)];
        byte[] config = Bytes(new JObject
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JObject { ["Cmd"] = new JArray("/bin/sh") },
            ["rootfs"] = new JObject { ["type"] = "layers", ["diff_ids"] = new JArray(tars.Select(tar => Digest.Of(tar).ToString())) },
        });
        byte[] manifest = Bytes(new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = Blob(directory, MediaTypes.OciConfig, config),
            ["layers"] = new JArray(layers.Select(layer => Blob(directory, MediaTypes.OciLayerGzip, layer))),
        });
        var index = new JObject { ["schemaVersion"] = 2, ["manifests"] = new JArray(Blob(directory, MediaTypes.OciManifest, manifest)) };
        File.WriteAllText(Path.Combine(directory, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        File.WriteAllBytes(Path.Combine(directory, "index.json"), Bytes(index));
        return "oci:" + directory;
    }

    private static JObject Blob(string directory, string type, byte[] content)
    {
        var digest = Digest.Of(content);
        string blobs = Directory.CreateDirectory(Path.Combine(directory, "blobs/sha256")).FullName;
        File.WriteAllBytes(Path.Combine(blobs, digest.Hex), content);
        return new JObject { ["mediaType"] = type, ["digest"] = digest.ToString(), ["size"] = content.Length };
    }

    private static byte[] Bytes(JObject json) => Encoding.UTF8.GetBytes(json.ToString(Formatting.None));
}
