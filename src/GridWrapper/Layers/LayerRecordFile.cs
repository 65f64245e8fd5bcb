using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;
using Newtonsoft.Json;

namespace GridWrapper.Layers;

/// <summary>layer.json: the mark of a complete layer, with its index. Paths are written one char per byte, see <see cref="EntryPath"/>.</summary>
internal static class LayerRecordFile
{
    /// <summary>A record of another version counts as "layer not there", and the layer is made again.</summary>
    internal const int Version = CacheDirectory.CurrentLayout;

    /// <exception cref="InvalidDataException">Not a record of this version.</exception>
    internal static LayerIndex Read(string path)
    {
        Dto dto = Parse(File.ReadAllText(path)) ?? throw new InvalidDataException($"{path} is empty");
        if (dto.Version != Version)
        {
            throw new InvalidDataException($"{path} has the version {dto.Version}, this program knows {Version}");
        }

        return new LayerIndex
        {
            Whiteouts = [.. dto.Whiteouts.Select(EntryPath.FromLatin1)],
            Opaques = [.. dto.Opaques.Select(EntryPath.FromLatin1)],
            Implied = [.. dto.Implied.Select(EntryPath.FromLatin1)],
            Borrowed = [.. dto.Borrowed.Select(pair => new BorrowedLink(EntryPath.FromLatin1(pair.Key), EntryPath.FromLatin1(pair.Value)))],
            Entries = dto.Entries,
            DataBytes = dto.DataBytes,
            DiskBytes = dto.DiskBytes,
            OverlayReady = dto.OverlayReady,
        };
    }

    /// <summary>Writes the record and waits until it is on disk.</summary>
    internal static void Write(string path, LayerIndex index, Descriptor blob)
    {
        var dto = new Dto
        {
            Version = Version,
            BlobDigest = blob.Digest.ToString(),
            BlobSizeBytes = blob.SizeBytes,
            Whiteouts = [.. index.Whiteouts.Select(p => p.Latin1)],
            Opaques = [.. index.Opaques.Select(p => p.Latin1)],
            Implied = [.. index.Implied.Select(p => p.Latin1)],
            Borrowed = index.Borrowed.ToDictionary(link => link.Path.Latin1, link => link.Target.Latin1, StringComparer.Ordinal),
            Entries = index.Entries,
            DataBytes = index.DataBytes,
            DiskBytes = index.DiskBytes,
            OverlayReady = index.OverlayReady,
        };
        File.WriteAllText(path, JsonConvert.SerializeObject(dto));
        using SafeFileHandle file = File.OpenHandle(path);
        FileMaker.Demand(Libc.Fsync(file) == 0 ? 0 : Errno.Last, "fsync", Encoding.UTF8.GetBytes(path));
    }

    private static Dto? Parse(string text)
    {
        try
        {
            return JsonConvert.DeserializeObject<Dto>(text);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException("not a layer record: " + e.Message, e);
        }
    }

    private sealed class Dto
    {
        [JsonProperty("version")]
        public int Version { get; set; }

        [JsonProperty("blobDigest")]
        public string BlobDigest { get; set; } = "";

        [JsonProperty("blobSizeBytes")]
        public long BlobSizeBytes { get; set; }

        [JsonProperty("entries")]
        public long Entries { get; set; }

        [JsonProperty("dataBytes")]
        public long DataBytes { get; set; }

        [JsonProperty("diskBytes")]
        public long DiskBytes { get; set; }

        [JsonProperty("overlayReady")]
        public bool OverlayReady { get; set; }

        [JsonProperty("whiteouts")]
        public List<string> Whiteouts { get; set; } = [];

        [JsonProperty("opaques")]
        public List<string> Opaques { get; set; } = [];

        [JsonProperty("implied")]
        public List<string> Implied { get; set; } = [];

        [JsonProperty("borrowed")]
        public Dictionary<string, string> Borrowed { get; set; } = [];
    }
}
