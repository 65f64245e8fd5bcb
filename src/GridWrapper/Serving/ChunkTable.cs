namespace GridWrapper.Serving;

/// <summary>Which pieces the files of a layer are made of and where they lie in its blob: flat arrays. <see cref="Node.Data"/> of a file is its number here.</summary>
internal sealed class ChunkTable
{
    /// <summary>Member of a piece of zeros.</summary>
    internal const int Zeros = -1;

    internal const int HashBytes = 32;

    private readonly int[] _firstChunks;
    private readonly byte[] _hashes;

    /// <param name="firstChunks">Of each file, and at the end the number of chunks.</param>
    internal ChunkTable(int[] firstChunks, Chunk[] chunks, byte[] hashes, Member[] members, int[] inBlobOrder)
    {
        (_firstChunks, _hashes) = (firstChunks, hashes);
        (Chunks, Members, InBlobOrder) = (chunks, members, inBlobOrder);
        foreach (ref readonly Chunk chunk in chunks.AsSpan())
        {
            LocalBytes += chunk.Member == Zeros ? 0 : chunk.Size;
        }
    }

    /// <summary>In the order of the table of contents: those of a file stand together.</summary>
    internal Chunk[] Chunks { get; }

    /// <summary>In the order of the blob.</summary>
    internal Member[] Members { get; }

    /// <summary>Numbers of chunks.</summary>
    internal int[] InBlobOrder { get; }

    internal int FileCount => _firstChunks.Length - 1;

    /// <summary>Of a complete local copy.</summary>
    internal long LocalBytes { get; }

    internal ReadOnlySpan<byte> Hash(int chunk) => _hashes.AsSpan(chunk * HashBytes, HashBytes);

    /// <summary>The first chunk of a file and the one after its last.</summary>
    internal (int First, int End) ChunksOf(int file) => (_firstChunks[file], _firstChunks[file + 1]);

    /// <summary>The chunk that holds a byte of a file, -1 where the file is not so long.</summary>
    internal int Find(long file, long offset)
    {
        if ((ulong)file >= (ulong)FileCount)
        {
            return -1;
        }

        (int low, int end) = ChunksOf((int)file);
        int high = end - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = Chunks[middle].FileOffset <= offset ? (middle, high) : (low, middle - 1);
        }

        return low < end && offset >= Chunks[low].FileOffset && offset - Chunks[low].FileOffset < Chunks[low].Size ? low : -1;
    }
}
