using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>Gathers the chunks of a table of contents, and refuses what no honest one holds.</summary>
internal sealed class ChunkTableBuilder(long tocOffset, ExtractionLimits limits)
{
    /// <summary>A chunk, or the member around it, is held in memory as a whole. They have 4 MiB as a rule.</summary>
    internal const long MaxChunkBytes = 128 << 20;

    private readonly List<int> _firstChunks = [];
    private readonly List<Chunk> _chunks = [];
    private readonly List<byte> _hashes = [];
    private long _fileSize;
    private long _reached;
    private long _place;
    private bool _open;

    /// <summary>The next file; its chunks follow.</summary>
    /// <returns>Its number.</returns>
    internal int Begin(TocEntry file)
    {
        _firstChunks.Add(_chunks.Count);
        (_fileSize, _reached, _open) = (file.Size, 0, true);
        if (file.Size > 0)
        {
            Add(file);
        }

        return _firstChunks.Count - 1;
    }

    /// <summary>A chunk of the file that was begun last.</summary>
    internal void Add(TocEntry entry)
    {
        long size = entry.ChunkSize > 0 ? entry.ChunkSize : _fileSize - entry.ChunkOffset;
        if (!_open || entry.ChunkOffset != _reached || size <= 0 || size > _fileSize - _reached)
        {
            throw new InvalidDataException($"its piece of {size} bytes from byte {entry.ChunkOffset} on does not fit into a file of {_fileSize} bytes of which {_reached} came before");
        }

        var chunk = new Chunk { FileOffset = _reached, Size = size, Member = ChunkTable.Zeros, File = _firstChunks.Count - 1 };
        _reached += size;
        ReadOnlySpan<byte> hash = new byte[ChunkTable.HashBytes];
        if (!entry.IsZeros)
        {
            hash = HashOf(entry, size);
            chunk = chunk with { Member = 0, Offset = entry.Offset, Inner = entry.InnerOffset, Place = _place };
            _place += size;
            Check(chunk);
        }

        _chunks.Add(chunk);
        _hashes.AddRange(hash);
    }

    /// <summary>No more chunks for the last file.</summary>
    internal void End()
    {
        if (_open && _reached != _fileSize)
        {
            throw new InvalidDataException($"its pieces end at byte {_reached} of {_fileSize}");
        }

        _open = false;
    }

    internal ChunkTable Finish()
    {
        Chunk[] chunks = [.. _chunks];
        int[] order = InBlobOrder(chunks);
        Member[] members = Members(chunks, order);
        return new ChunkTable([.. _firstChunks, chunks.Length], chunks, [.. _hashes], members, order);
    }

    /// <summary>A file of one piece may have its digest only as a whole.</summary>
    private ReadOnlySpan<byte> HashOf(TocEntry entry, long size) =>
        entry.HasChunkHash ? entry.ChunkHash
        : entry.HasHash && !entry.IsChunk && size == _fileSize ? entry.Hash
        : throw new InvalidDataException("a piece of it has no sha256 digest: nothing would tell whether it is right");

    private void Check(in Chunk chunk)
    {
        if ((chunk.Offset == 0 && chunk.Inner == 0) || chunk.Offset >= tocOffset)
        {
            throw new InvalidDataException($"a piece of it is said to lie at byte {chunk.Offset} of the blob, whose files end at byte {tocOffset}");
        }

        if (chunk.Size > MaxChunkBytes || chunk.Inner > MaxChunkBytes - chunk.Size)
        {
            throw new InvalidDataException($"a piece of it has {chunk.Size} bytes, {chunk.Inner} before it; at most {MaxChunkBytes} are held at once");
        }

        if (_place > limits.MaxBytes)
        {
            throw new InvalidDataException($"with it the files of the layer have more than the {limits.MaxBytes} bytes allowed for a blob of this size");
        }
    }

    private static int[] InBlobOrder(Chunk[] chunks)
    {
        var order = new List<int>(chunks.Length);
        bool sorted = true;
        (long Offset, long Inner) last = (0, 0);
        for (int i = 0; i < chunks.Length; i++)
        {
            if (chunks[i].Member != ChunkTable.Zeros)
            {
                (long, long) here = (chunks[i].Offset, chunks[i].Inner);
                sorted &= here.CompareTo(last) >= 0;
                last = here;
                order.Add(i);
            }
        }

        if (!sorted)
        {
            order.Sort((a, b) => (chunks[a].Offset, chunks[a].Inner, a).CompareTo((chunks[b].Offset, chunks[b].Inner, b)));
        }

        return [.. order];
    }

    /// <summary>Where a member ends is not written down: the next one begins there, or the table of contents does.</summary>
    private Member[] Members(Chunk[] chunks, int[] order)
    {
        var members = new List<Member>();
        for (int i = 0; i < order.Length;)
        {
            var member = new Member { Offset = chunks[order[i]].Offset, First = i, End = tocOffset };
            for (; i < order.Length && chunks[order[i]].Offset == member.Offset; i++)
            {
                ref Chunk chunk = ref chunks[order[i]];
                chunk.Member = members.Count;
                member.Size = Math.Max(member.Size, chunk.Inner + chunk.Size);
                member.Count++;
            }

            member.End = i < order.Length ? chunks[order[i]].Offset : tocOffset;
            members.Add(member);
            if (member.End - member.Offset > MaxChunkBytes * 2)
            {
                throw new InvalidDataException($"a piece of it takes {member.End - member.Offset} bytes of the blob");
            }
        }

        return [.. members];
    }
}
