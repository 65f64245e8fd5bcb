using System.Runtime.InteropServices;
using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Layers;

/// <summary>layer.json: the mark of a complete layer, with its index. Paths are written one char per byte, see <see cref="EntryPath"/>.</summary>
internal static class LayerRecordFile
{
    /// <summary>A record of another version counts as "layer not there", and the layer is made again.</summary>
    internal const int Version = CacheDirectory.CurrentLayout;

    /// <exception cref="InvalidDataException">Not a record of this version.</exception>
    internal static LayerIndex Read(string path)
    {
        try
        {
            JObject record = JsonText.ParseObject(File.ReadAllBytes(path), int.MaxValue, DuplicatePropertyNameHandling.Error);
            int version = (int?)record["version"] ?? 0;
            return version == Version ? Read(record) : throw new InvalidDataException($"{path} has the version {version}, this program knows {Version}");
        }
        catch (Exception e) when (e is ArgumentException or InvalidCastException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"{path} is no layer record: {e.Message}", e);
        }
    }

    /// <summary>Writes the record and waits until it is on disk.</summary>
    internal static void Write(string path, LayerIndex index, Descriptor blob)
    {
        JObject record = new()
        {
            ["version"] = Version,
            ["blobDigest"] = blob.Digest.ToString(),
            ["blobSizeBytes"] = blob.SizeBytes,
            ["entries"] = index.Entries,
            ["dataBytes"] = index.DataBytes,
            ["diskBytes"] = index.DiskBytes,
            ["overlayReady"] = index.OverlayReady,
            ["whiteouts"] = Write(index.Whiteouts),
            ["opaques"] = Write(index.Opaques),
            ["implied"] = Write(index.Implied),
            ["borrowed"] = new JObject(index.Borrowed.Select(link => new JProperty(link.Path.Latin1, link.Target.Latin1))),
        };
        File.WriteAllText(path, record.ToString(Formatting.None));
        using SafeFileHandle file = File.OpenHandle(path);
        FileMaker.Demand(Libc.Fsync(file) == 0 ? 0 : Errno.Last, "fsync", Encoding.UTF8.GetBytes(path));
    }

    private static LayerIndex Read(JObject record) => new()
    {
        Whiteouts = Paths(record["whiteouts"]),
        Opaques = Paths(record["opaques"]),
        Implied = Paths(record["implied"]),
        Borrowed = Links(record["borrowed"]),
        Entries = (long?)record["entries"] ?? 0,
        DataBytes = (long?)record["dataBytes"] ?? 0,
        DiskBytes = (long?)record["diskBytes"] ?? 0,
        OverlayReady = (bool?)record["overlayReady"] ?? false,
    };

    /// <summary>By loops: queries over values are compiled anew at each start, and this runs for every layer of every image.</summary>
    private static ImmutableArray<EntryPath> Paths(JToken? list)
    {
        if (list is not JArray { Count: > 0 } texts)
        {
            return [];
        }

        var paths = new EntryPath[texts.Count];
        for (int i = 0; i < paths.Length; i++)
        {
            paths[i] = EntryPath.FromLatin1((string?)texts[i] ?? "");
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(paths);
    }

    private static ImmutableArray<BorrowedLink> Links(JToken? map)
    {
        if (map is not JObject { Count: > 0 } targets)
        {
            return [];
        }

        ImmutableArray<BorrowedLink>.Builder links = ImmutableArray.CreateBuilder<BorrowedLink>(targets.Count);
        foreach (JProperty link in targets.Properties())
        {
            links.Add(new BorrowedLink(EntryPath.FromLatin1(link.Name), EntryPath.FromLatin1((string?)link.Value ?? "")));
        }

        return links.MoveToImmutable();
    }

    private static JArray Write(ImmutableArray<EntryPath> paths) => new(paths.Select(path => path.Latin1));
}
