using System.IO.Compression;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>Fetches a layer's table of contents, and gives it out only where it is the one that the manifest vouches for.</summary>
internal static class TocDocument
{
    /// <summary>Ten times that of the largest HEP image.</summary>
    internal const int MaxBytes = 256 << 20;

    /// <summary>Most tables lie within so much of the end: one request brings all.</summary>
    private const int TailBytes = 512 * 1024;

    private const string TarName = "stargz.index.json";
    private static readonly RoomLog Log = new(nameof(TocDocument));

    /// <summary>As it lies in the blob, <see cref="Unpack"/> opens it.</summary>
    internal static async Task<PackedToc> FetchAsync(Descriptor layer, LazyFormat format, IRangeSource source, CancellationToken ct)
    {
        while (true)
        {
            (PackedToc toc, string place) = await FetchOnceAsync(layer, format, source, ct);
            try
            {
                Unpack(toc, format, layer.Digest);
                return toc;
            }
            catch (InvalidDataException e) when (source.PassOver(place))
            {
                Log.Warn("{Place} is passed over: {Reason}", place, e.Message);
            }
        }
    }

    /// <summary>The JSON document.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or another one than the manifest vouches for.</exception>
    internal static byte[] Unpack(PackedToc toc, LazyFormat format, Digest layer)
    {
        if (format.PackedToc is { } packed && Digest.Of(toc.Bytes) is var got && got != packed)
        {
            throw new InvalidDataException($"the compressed table of contents of layer {layer} has the digest {got}, the manifest vouches for {packed}");
        }

        byte[] json;
        try
        {
            using var bytes = new MemoryStream(toc.Bytes);
            json = format.Kind == LazyKind.Estargz ? FromTar(bytes) : FromFrame(bytes, toc.Position);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new InvalidDataException($"the table of contents of layer {layer} cannot be read: {e.Message}", e);
        }

        Digest digest = Digest.Of(json);
        return format.Toc is null || digest == format.Toc
            ? json
            : throw new InvalidDataException($"the table of contents of layer {layer} has the digest {digest}, the manifest vouches for {format.Toc}");
    }

    private static async Task<(PackedToc Toc, string Place)> FetchOnceAsync(Descriptor layer, LazyFormat format, IRangeSource source, CancellationToken ct)
    {
        if (format.Position is { } position)
        {
            byte[] all = new byte[Bounded(position, layer)];
            string from = await source.FillAsync(all, position.Offset, ct);
            return (new PackedToc(position, all), from);
        }

        byte[] tail = new byte[Math.Min(TailBytes, layer.SizeBytes)];
        long start = layer.SizeBytes - tail.Length;
        string place = await source.FillAsync(tail, start, ct);
        TocPosition found;
        try
        {
            found = LazyFooter.Read(format.Kind, tail, layer.SizeBytes);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"layer {layer.Digest} has no table of contents, although the manifest names one: {e.Message}", e);
        }

        byte[] bytes = new byte[Bounded(found, layer)];
        int missing = (int)Math.Clamp(start - found.Offset, 0, bytes.Length);
        if (missing > 0)
        {
            place = await source.FillAsync(bytes.AsMemory(0, missing), found.Offset, ct);
        }

        tail.AsSpan((int)Math.Max(0, found.Offset - start), bytes.Length - missing).CopyTo(bytes.AsSpan(missing));
        return (new PackedToc(found, bytes), place);
    }

    private static int Bounded(TocPosition position, Descriptor layer) => position.Length <= MaxBytes && (position.UnpackedLength ?? 0) <= MaxBytes
        ? (int)position.Length
        : throw new InvalidDataException($"the table of contents of layer {layer.Digest} has {position.UnpackedLength ?? position.Length} bytes, more than the {MaxBytes} allowed");

    /// <summary>One gzip member that holds an archive of one file. What follows it in the stream is of no interest.</summary>
    private static byte[] FromTar(MemoryStream bytes)
    {
        using var unpacked = new GZipStream(bytes, CompressionMode.Decompress);
        var reader = new TarEntryReader(unpacked);
        TarEntry? entry = reader.Next();
        if (entry is not { Kind: TarEntryKind.File, SizeBytes: <= MaxBytes } || !entry.Name.AsSpan().EndsWith(Encoding.ASCII.GetBytes(TarName)))
        {
            throw new InvalidDataException($"where it should lie there is no file {TarName} of at most {MaxBytes} bytes");
        }

        return Whole(entry.SizeBytes, reader.ReadData);
    }

    private static byte[] FromFrame(MemoryStream bytes, TocPosition position)
    {
        long length = position.UnpackedLength ?? throw new InvalidDataException("its size is not said");
        using var unpacked = new ZstdStream(bytes);
        byte[] json = Whole(Math.Min(length, MaxBytes), unpacked.Read);
        return unpacked.ReadByte() < 0 ? json : throw new InvalidDataException($"it is longer than the {length} bytes stated");
    }

    /// <summary>Grows with what comes: a size that is only stated costs nothing.</summary>
    private static byte[] Whole(long length, ReadSome read)
    {
        const int FirstBytes = 1 << 20;
        byte[] bytes = new byte[(int)Math.Min(length, FirstBytes)];
        int got = 0;
        while (got < length)
        {
            if (got == bytes.Length)
            {
                Array.Resize(ref bytes, (int)Math.Min(length, bytes.Length * 2L));
            }

            int more = read(bytes.AsSpan(got));
            got += more > 0 ? more : throw new InvalidDataException($"it ends after {got} of {length} bytes");
        }

        return bytes;
    }

    private delegate int ReadSome(Span<byte> into);
}

/// <summary>A table of contents as it lies in a blob.</summary>
internal sealed record PackedToc(TocPosition Position, byte[] Bytes);
