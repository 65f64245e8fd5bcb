using GridWrapper.Diagnostics;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>
/// A layer's table of contents in the cache, as it lay in the blob: its offset there and its size once unpacked (8 bytes each, little-endian; 0 for not known), then its bytes.
/// </summary>
internal static class KeptToc
{
    internal const string FileName = "toc";
    private const int HeadBytes = 16;
    private static readonly RoomLog Log = new(nameof(KeptToc));

    /// <summary>Not verified yet. Null where there is none.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static PackedToc? Read(string directory)
    {
        string file = $"{directory}/{FileName}";
        byte[] bytes = File.Exists(file) && new FileInfo(file).Length is > HeadBytes and < TocDocument.MaxBytes ? File.ReadAllBytes(file) : [];
        return bytes.Length <= HeadBytes ? null : new PackedToc(new TocPosition(BitConverter.ToInt64(bytes, 0), bytes.Length - HeadBytes, BitConverter.ToInt64(bytes, 8)), bytes[HeadBytes..]);
    }

    /// <summary>Whole, or not at all; where it cannot be kept it is fetched again by the next run.</summary>
    internal static void Keep(string directory, PackedToc toc, CacheDirectory cache)
    {
        string work = cache.Temporary($"toc-{Guid.NewGuid():N}");
        try
        {
            File.WriteAllBytes(work, [.. BitConverter.GetBytes(toc.Position.Offset), .. BitConverter.GetBytes(toc.Position.UnpackedLength ?? 0), .. toc.Bytes]);
            File.Move(work, $"{directory}/{FileName}", overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Info("the table of contents is not kept: {Reason}", e.Message);
        }
    }
}
