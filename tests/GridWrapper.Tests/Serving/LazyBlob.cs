using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>How the layer of a test is packed.</summary>
public enum LazyDialect
{
    Estargz,

    /// <summary>eStargz in which several files share a gzip member.</summary>
    SharedMembers,
    LegacyStargz,

    /// <summary>zstd:chunked as containers/storage writes it.</summary>
    Containers,

    /// <summary>zstd:chunked as stargz-snapshotter writes it.</summary>
    Snapshotter,
}

/// <summary>Packs an archive so that it can be read piece by piece. Also with tables of contents that no honest program writes.</summary>
internal sealed class LazyBlob
{
    internal const int ChunkBytes = 700;
    private const int SharedBytes = 2000;
    private readonly MemoryStream _out = new();
    private readonly MemoryStream _member = new();
    private readonly LazyDialect _dialect;
    private readonly List<JsonObject> _entries = [];

    private LazyBlob(LazyDialect dialect) => _dialect = dialect;

    internal byte[] Bytes { get; private set; } = [];

    internal Descriptor Described { get; private set; } = null!;

    internal static bool NeedsZstd(LazyDialect dialect) => dialect is LazyDialect.Containers or LazyDialect.Snapshotter;

    private bool IsZstd => NeedsZstd(_dialect);

    /// <param name="change">Of the table of contents before it is written.</param>
    /// <param name="landmark">After so many entries of the archive a landmark says that what came before is wanted first.</param>
    internal static LazyBlob Of(byte[] tar, LazyDialect dialect, Action<JsonArray>? change = null, int? landmark = null)
    {
        var blob = new LazyBlob(dialect);
        using var source = new MemoryStream(tar);
        var reader = new TarEntryReader(source);
        long done = 0;
        for (int count = 0; reader.Next() is { } entry; count++)
        {
            if (count == landmark)
            {
                blob.AddLandmark();
            }

            blob._member.Write(tar.AsSpan((int)done, (int)(reader.Position - done)));
            done = reader.Position;
            long size = entry.Kind == TarEntryKind.File ? entry.SizeBytes : 0;
            blob.Add(entry, tar.AsSpan((int)done, (int)size));
            done += size;
        }

        blob._member.Write(new byte[(512 - (done % 512)) % 512]);
        blob.Flush();
        JsonArray entries = [.. blob._entries];
        change?.Invoke(entries);
        blob.Finish(new JsonObject { ["version"] = 1, ["entries"] = entries }.ToJsonString());
        return blob;
    }

    /// <summary>The bytes of a footer alone.</summary>
    internal static byte[] GzipFooter(byte[] extra) =>
        [0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, (byte)extra.Length, 0, .. extra, 1, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0];

    private void AddLandmark()
    {
        const int Block = 512;
        byte[] tar = new Layers.TarBuilder().File(".prefetch.landmark", "\u000F").BuildUnclosed();
        _member.Write(tar.AsSpan(0, Block));
        Flush();
        _entries.Add(new JsonObject { ["name"] = ".prefetch.landmark", ["type"] = "reg", ["size"] = 1, ["offset"] = _out.Length, ["chunkDigest"] = Hash(tar.AsSpan(Block, 1)) });
        _member.Write(tar.AsSpan(Block));
    }

    private void Add(TarEntry entry, ReadOnlySpan<byte> data)
    {
        JsonObject toc = Describe(entry);
        _entries.Add(toc);
        bool chunked = data.Length > ChunkBytes;
        for (int at = 0; at < data.Length; at += ChunkBytes)
        {
            ReadOnlySpan<byte> chunk = data[at..Math.Min(at + ChunkBytes, data.Length)];
            if (_dialect != LazyDialect.SharedMembers || _member.Length > SharedBytes)
            {
                Flush();
            }

            JsonObject place = at == 0 ? toc : new JsonObject { ["name"] = toc["name"]!.GetValue<string>(), ["type"] = "chunk", ["chunkOffset"] = at };
            Place(place, chunk, chunked);
            if (at > 0)
            {
                _entries.Add(place);
            }

            _member.Write(chunk);
        }
    }

    private void Place(JsonObject place, ReadOnlySpan<byte> chunk, bool chunked)
    {
        if (_dialect == LazyDialect.Containers && chunked && !chunk.ContainsAnyExcept((byte)0))
        {
            (place["chunkType"], place["chunkSize"]) = ("zeros", chunk.Length);
            return;
        }

        place["offset"] = _out.Length;
        if (_member.Length > 0)
        {
            place["innerOffset"] = _member.Length;
        }

        if (chunked)
        {
            place["chunkSize"] = chunk.Length;
        }

        if (_dialect != LazyDialect.LegacyStargz && (chunked || _dialect != LazyDialect.Containers))
        {
            place["chunkDigest"] = Hash(chunk);
        }
        else if (!chunked)
        {
            place["digest"] = Hash(chunk);
        }
    }

    private static JsonObject Describe(TarEntry entry)
    {
        DateTime seconds = DateTime.UnixEpoch.AddSeconds(Math.Clamp(entry.Modified.Seconds, 0, 200_000_000_000));
        var toc = new JsonObject
        {
            ["name"] = Encoding.UTF8.GetString(entry.Name),
            ["type"] = entry.Kind switch
            {
                TarEntryKind.File => "reg",
                TarEntryKind.Directory => "dir",
                TarEntryKind.Symlink => "symlink",
                TarEntryKind.HardLink => "hardlink",
                TarEntryKind.CharacterDevice => "char",
                TarEntryKind.BlockDevice => "block",
                _ => "fifo",
            },
            ["modtime"] = string.Create(CultureInfo.InvariantCulture, $"{seconds:yyyy-MM-ddTHH:mm:ss}.{entry.Modified.Nanoseconds:D9}Z"),
            ["mode"] = entry.Mode,
            ["uid"] = 1000,
            ["userName"] = "somebody",
        };
        if (entry.Kind == TarEntryKind.File)
        {
            toc["size"] = entry.SizeBytes;
        }

        if (entry.LinkName.Length > 0)
        {
            toc["linkName"] = Encoding.UTF8.GetString(entry.LinkName);
        }

        if (!entry.Xattrs.IsEmpty)
        {
            toc["xattrs"] = new JsonObject(entry.Xattrs.Select(x => KeyValuePair.Create<string, JsonNode?>(x.Name, Convert.ToBase64String(x.Value))));
        }

        return toc;
    }

    private static string Hash(ReadOnlySpan<byte> bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>What was gathered becomes a member or frame.</summary>
    private void Flush()
    {
        if (_member.Length > 0)
        {
            _out.Write(Pack(_member.ToArray()));
            _member.SetLength(0);
        }
    }

    private byte[] Pack(byte[] bytes)
    {
        if (IsZstd)
        {
            return Frame(bytes);
        }

        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    /// <summary>A zstd frame of raw blocks.</summary>
    internal static byte[] Frame(byte[] bytes)
    {
        const int MaxBlock = 128 * 1024;
        List<byte> frame = [0x28, 0xB5, 0x2F, 0xFD, 0xA0, .. BitConverter.GetBytes(bytes.Length)];
        int at = 0;
        do
        {
            int length = Math.Min(MaxBlock, bytes.Length - at);
            frame.AddRange(BitConverter.GetBytes((length << 3) | (at + length == bytes.Length ? 1 : 0))[..3]);
            frame.AddRange(bytes.AsSpan(at, length));
            at += length;
        }
        while (at < bytes.Length);
        return [.. frame];
    }

    private static byte[] Skippable(byte[] payload) => [0x50, 0x2A, 0x4D, 0x18, .. BitConverter.GetBytes(payload.Length), .. payload];

    private void Finish(string toc)
    {
        byte[] json = Encoding.UTF8.GetBytes(toc);
        var annotations = ImmutableDictionary.CreateBuilder<string, string>();
        if (IsZstd)
        {
            FinishZstd(json, annotations);
        }
        else
        {
            long offset = _out.Length;
            _out.Write(Pack([.. new Layers.TarBuilder().Entry('0', "stargz.index.json", json, new Layers.TarBuilder.Header()).Build()]));
            byte[] place = Encoding.ASCII.GetBytes(offset.ToString("x16", CultureInfo.InvariantCulture) + "STARGZ");
            _out.Write(GzipFooter(_dialect == LazyDialect.LegacyStargz ? place : [(byte)'S', (byte)'G', 22, 0, .. place]));
            annotations["containerd.io/snapshot/stargz/toc.digest"] = Hash(json);
        }

        Bytes = _out.ToArray();
        Described = new Descriptor(IsZstd ? MediaTypes.OciLayerZstd : MediaTypes.OciLayerGzip, Digest.Of(Bytes), Bytes.Length) { Annotations = annotations.ToImmutable() };
    }

    private void FinishZstd(byte[] json, ImmutableDictionary<string, string>.Builder annotations)
    {
        bool containers = _dialect == LazyDialect.Containers;
        _out.Write(Frame(new byte[1024]));
        byte[] packed = Frame(json);
        long offset = _out.Length + 8;
        _out.Write(Skippable(packed));
        byte[] footer = new byte[containers ? 64 : 40];
        BinaryPrimitives.WriteInt64LittleEndian(footer, offset);
        BinaryPrimitives.WriteInt64LittleEndian(footer.AsSpan(8), packed.Length);
        BinaryPrimitives.WriteInt64LittleEndian(footer.AsSpan(16), json.Length);
        BinaryPrimitives.WriteInt64LittleEndian(footer.AsSpan(24), 1);
        (containers ? "GNUlInUx"u8 : "GnUlInUx"u8).CopyTo(footer.AsSpan(footer.Length - 8));
        _out.Write(Skippable(footer));
        string prefix = containers ? "io.github.containers.zstd-chunked." : "io.containers.zstd-chunked.";
        if (containers)
        {
            annotations[prefix + "manifest-checksum"] = Hash(packed);
            annotations[prefix + "manifest-position"] = string.Create(CultureInfo.InvariantCulture, $"{offset}:{packed.Length}:{json.Length}:1");
        }
        else
        {
            annotations["containerd.io/snapshot/stargz/toc.digest"] = Hash(json);
        }
    }
}
