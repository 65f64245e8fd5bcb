using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>
/// Reads tar archives forward, bytes for names: POSIX ustar and PAX, GNU long names and sparse files, star, v7. Own code, because the runtime's
/// reader turns names into strings and so loses those that are not UTF-8. Global PAX headers are skipped, as the common container tools do.
/// </summary>
internal sealed class TarEntryReader(Stream source)
{
    /// <summary>PAX headers hold paths (4 KiB) and extended attributes (64 KiB each on Linux).</summary>
    private const long MaxMetadataBytes = 1024 * 1024;

    /// <summary>A map this long describes a file of a million separate pieces.</summary>
    private const int MaxSparseSegments = 1_000_000;

    private readonly byte[] _header = new byte[TarField.BlockBytes];
    private readonly byte[] _skip = new byte[32768];
    private long _remaining;
    private long _padding;

    /// <summary>Bytes read from the archive so far; after <see cref="Next"/>, where the entry's data begin.</summary>
    internal long Position { get; private set; }

    /// <summary>The next entry, or null at the end of the archive. What was not read of the last entry's data is skipped.</summary>
    /// <exception cref="InvalidDataException">Not a tar archive, or cut short.</exception>
    internal TarEntry? Next()
    {
        PaxRecords? pax = null;
        byte[]? longName = null;
        byte[]? longLink = null;
        while (ReadHeader())
        {
            char type = (char)_header[TarField.TypeOffset];
            long size = TarField.Number(_header.AsSpan(124, 12));
            if (size < 0)
            {
                throw new InvalidDataException("a tar header states a negative size");
            }

            switch (type)
            {
                case 'x' or 'X':
                    pax = PaxRecords.Parse(ReadMetadata(size));
                    break;
                case 'L':
                    longName = TarField.Text(ReadMetadata(size)).ToArray();
                    break;
                case 'K':
                    longLink = TarField.Text(ReadMetadata(size)).ToArray();
                    break;
                case 'g' or 'V':
                    Begin(size);
                    break;
                default:
                    return Entry(type, size, new Extensions(pax, longName, longLink));
            }
        }

        return null;
    }

    /// <summary>Data of the current entry as archived (without the holes of a sparse file); 0 at its end.</summary>
    internal int ReadData(Span<byte> buffer)
    {
        int wanted = (int)Math.Min(buffer.Length, _remaining);
        int got = wanted == 0 ? 0 : source.Read(buffer[..wanted]);
        if (wanted > 0 && got == 0)
        {
            throw new InvalidDataException("the tar archive ends in the middle of a file");
        }

        _remaining -= got;
        Position += got;
        return got;
    }

    /// <summary>As <see cref="ReadData"/>, but without copying where the archive lies in memory. Valid until the next call.</summary>
    internal ReadOnlySpan<byte> TakeData(int max, byte[] scratch)
    {
        if (source is not BlockReader blocks || _remaining == 0)
        {
            return scratch.AsSpan(0, ReadData(scratch.AsSpan(0, Math.Min(max, scratch.Length))));
        }

        ReadOnlySpan<byte> piece = blocks.Take((int)Math.Min(max, _remaining));
        _remaining -= piece.IsEmpty ? throw new InvalidDataException("the tar archive ends in the middle of a file") : piece.Length;
        Position += piece.Length;
        return piece;
    }

    private bool ReadHeader()
    {
        SkipRest();
        int got = source.ReadAtLeast(_header, TarField.BlockBytes, throwOnEndOfStream: false);
        Position += got;
        if (got == 0 || (got == TarField.BlockBytes && !_header.AsSpan().ContainsAnyExcept((byte)0)))
        {
            return false;
        }

        if (got < TarField.BlockBytes)
        {
            throw new InvalidDataException("the tar archive ends in the middle of a header");
        }

        return TarField.ChecksumHolds(_header) ? true : throw new InvalidDataException("a tar header's checksum is wrong: this is not a tar archive, or it is damaged");
    }

    private TarEntry Entry(char type, long size, Extensions ext)
    {
        TarEntryKind kind = KindOf(type, ext);
        bool hasData = kind == TarEntryKind.File || type == 'D';
        Begin(hasData ? ext.Pax?.Size ?? size : 0);
        ImmutableArray<SparseSegment> sparse = default;
        long realSize = _remaining;
        if (type == 'S')
        {
            realSize = TarField.Number(_header.AsSpan(483, 12));
            sparse = ReadOldSparseMap();
        }
        else if (kind == TarEntryKind.File && ext.Pax is { IsSparse: true } pax)
        {
            realSize = pax.SparseRealSize ?? throw new InvalidDataException("a sparse file has no real size");
            sparse = pax.SparseMapInData ? ReadSparseMapInData() : pax.SparseMap;
        }

        CheckSparse(sparse, realSize);
        return new TarEntry
        {
            Name = ext.Pax?.SparseName ?? ext.Pax?.Path ?? ext.LongName ?? TarField.Name(_header),
            LinkName = ext.Pax?.LinkPath ?? ext.LongLink ?? TarField.Text(_header.AsSpan(157, 100)).ToArray(),
            Kind = kind,
            SizeBytes = kind == TarEntryKind.File ? realSize : 0,
            Mode = (uint)(TarField.Number(_header.AsSpan(100, 8)) & 0xFFF),
            Modified = ext.Pax?.Modified ?? new FileTime(TarField.Number(_header.AsSpan(136, 12)), 0),
            Xattrs = ext.Pax?.Xattrs ?? [],
            Sparse = sparse,
        };
    }

    private TarEntryKind KindOf(char type, Extensions ext)
    {
        switch (type)
        {
            case '0' or '\0' or '7' or 'S':
                // v7 archives mark directories by a trailing slash only.
                byte[] name = ext.Pax?.Path ?? ext.LongName ?? TarField.Name(_header);
                return type != 'S' && name.Length > 0 && name[^1] == '/' ? TarEntryKind.Directory : TarEntryKind.File;
            case '1':
                return TarEntryKind.HardLink;
            case '2':
                return TarEntryKind.Symlink;
            case '3':
                return TarEntryKind.CharacterDevice;
            case '4':
                return TarEntryKind.BlockDevice;
            case '5' or 'D':
                return TarEntryKind.Directory;
            case '6':
                return TarEntryKind.Fifo;
            default:
                throw new InvalidDataException($"the tar archive holds an entry of the unknown type '{(char.IsAsciiLetterOrDigit(type) ? type : '?')}' ({EntryPath.ForPeople(TarField.Name(_header))})");
        }
    }

    private void Begin(long size)
    {
        _remaining = size;
        _padding = (TarField.BlockBytes - (size % TarField.BlockBytes)) % TarField.BlockBytes;
    }

    private void SkipRest()
    {
        while (_remaining > 0)
        {
            TakeData(int.MaxValue, _skip);
        }

        // Some writers leave out the padding at the very end of the archive.
        Position += source.ReadAtLeast(_skip.AsSpan(0, (int)_padding), (int)_padding, throwOnEndOfStream: false);
        _padding = 0;
    }

    private byte[] ReadMetadata(long size)
    {
        if (size > MaxMetadataBytes)
        {
            throw new InvalidDataException($"a tar header extension of {size} bytes is larger than the {MaxMetadataBytes} allowed");
        }

        Begin(size);
        byte[] text = new byte[size];
        for (int at = 0; at < text.Length;)
        {
            at += ReadData(text.AsSpan(at));
        }

        return text;
    }

    /// <summary>GNU's own format: four pieces in the header, then extension blocks of twenty-one.</summary>
    private ImmutableArray<SparseSegment> ReadOldSparseMap()
    {
        var map = new List<SparseSegment>();
        Collect(_header.AsSpan(386, 96), map);
        bool more = _header[482] != 0;
        byte[] block = new byte[TarField.BlockBytes];
        while (more && map.Count <= MaxSparseSegments)
        {
            int got = source.ReadAtLeast(block, block.Length, throwOnEndOfStream: false);
            Position += got;
            if (got < block.Length)
            {
                throw new InvalidDataException("the tar archive ends in the middle of a sparse map");
            }

            Collect(block.AsSpan(0, 504), map);
            more = block[504] != 0;
        }

        return [.. map];
    }

    private static void Collect(ReadOnlySpan<byte> pairs, List<SparseSegment> map)
    {
        for (; pairs.Length >= 24 && pairs[0] != 0; pairs = pairs[24..])
        {
            map.Add(new SparseSegment(TarField.Number(pairs[..12]), TarField.Number(pairs[12..24])));
        }
    }

    /// <summary>Format 1.0: decimal numbers, one a line, count first, padded to a block.</summary>
    private ImmutableArray<SparseSegment> ReadSparseMapInData()
    {
        byte[] block = new byte[TarField.BlockBytes];
        int at = block.Length;
        long Line()
        {
            var digits = new List<byte>();
            while (true)
            {
                if (at == block.Length)
                {
                    at = 0;
                    ReadBlockOfData(block);
                }

                byte next = block[at++];
                if (next == '\n' || digits.Count > 20)
                {
                    return PaxRecords.Number(digits.ToArray());
                }

                digits.Add(next);
            }
        }

        long count = Line();
        if (count > MaxSparseSegments)
        {
            throw new InvalidDataException($"a sparse map of {count} pieces is longer than the {MaxSparseSegments} allowed");
        }

        var map = new List<SparseSegment>();
        for (long i = 0; i < count; i++)
        {
            map.Add(new SparseSegment(Line(), Line()));
        }

        return [.. map];
    }

    private void ReadBlockOfData(byte[] block)
    {
        for (int at = 0; at < block.Length;)
        {
            int got = ReadData(block.AsSpan(at));
            at += got > 0 ? got : throw new InvalidDataException("a sparse map ends too early");
        }
    }

    private void CheckSparse(ImmutableArray<SparseSegment> map, long realSize)
    {
        if (map.IsDefault)
        {
            return;
        }

        long end = 0;
        long data = 0;
        foreach (SparseSegment piece in map)
        {
            if (piece.Offset < end || piece.Length < 0 || piece.Length > realSize - piece.Offset)
            {
                throw new InvalidDataException("a sparse map is out of order or beyond the file's size");
            }

            end = piece.Offset + piece.Length;
            data += piece.Length;
        }

        if (data != _remaining || realSize < 0)
        {
            throw new InvalidDataException("a sparse map does not account for the file's data");
        }
    }

    private sealed record Extensions(PaxRecords? Pax, byte[]? LongName, byte[]? LongLink);
}
