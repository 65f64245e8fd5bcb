using System.Buffers.Binary;

namespace GridWrapper.Squashfs;

/// <summary>The metadata of an image: tables cut into blocks of 8 KiB, each compressed by itself. Blocks once read are kept while there are not too many.</summary>
internal sealed class MetadataBlocks(ImageBytes image, Superblock super)
{
    internal const int BlockBytes = 8192;

    private const int Uncompressed = 0x8000;

    /// <summary>8 MiB. A walk goes through the tables from the front to the back, so old ones are rarely wanted again.</summary>
    private const int MostKept = 1024;

    private readonly Dictionary<long, Block> _kept = [];

    /// <summary>Reading position: where a block begins, and how far into it.</summary>
    internal Cursor At(long block, int offset) => new(this, block, offset);

    private Block Load(long start)
    {
        if (_kept.TryGetValue(start, out Block? kept))
        {
            return kept;
        }

        Span<byte> header = stackalloc byte[2];
        image.Read(start, header, "a metadata block");
        int head = BinaryPrimitives.ReadUInt16LittleEndian(header);
        int length = head & ~Uncompressed;
        if (length is 0 or > BlockBytes || start + 2 + length > super.BytesUsed)
        {
            throw new InvalidDataException($"the metadata block at {start} has the impossible length {length}");
        }

        byte[] raw = image.Read(start + 2, length, "a metadata block");
        Block block = new(raw, raw.Length, start + 2 + length);
        if ((head & Uncompressed) == 0)
        {
            byte[] content = new byte[BlockBytes];
            block = block with { Length = BlockDecoder.Decode(super.Compressor, raw, raw.Length, content, BlockBytes), Content = content };
        }

        if (_kept.Count >= MostKept)
        {
            _kept.Clear();
        }

        _kept[start] = block;
        return block;
    }

    private sealed record Block(byte[] Content, int Length, long Next);

    /// <summary>Reads on from block to block.</summary>
    internal sealed class Cursor(MetadataBlocks blocks, long start, int offset)
    {
        private Block? _block;
        private long _next = start;
        private int _at = offset;

        internal byte[] Bytes(int count)
        {
            byte[] bytes = new byte[count];
            Fill(bytes);
            return bytes;
        }

        internal void Fill(Span<byte> into)
        {
            while (!into.IsEmpty)
            {
                _block ??= blocks.Load(_next);
                if (_at >= _block.Length)
                {
                    if (_block.Length == 0 || _at > _block.Length)
                    {
                        throw new InvalidDataException($"a place {_at} bytes into a metadata block of {_block.Length} is named");
                    }

                    (_next, _at, _block) = (_block.Next, 0, null);
                    continue;
                }

                int count = Math.Min(into.Length, _block.Length - _at);
                _block.Content.AsSpan(_at, count).CopyTo(into);
                into = into[count..];
                _at += count;
            }
        }

        internal int Half()
        {
            Span<byte> raw = stackalloc byte[2];
            Fill(raw);
            return BinaryPrimitives.ReadUInt16LittleEndian(raw);
        }

        internal uint Word()
        {
            Span<byte> raw = stackalloc byte[4];
            Fill(raw);
            return BinaryPrimitives.ReadUInt32LittleEndian(raw);
        }

        internal ulong Long()
        {
            Span<byte> raw = stackalloc byte[8];
            Fill(raw);
            return BinaryPrimitives.ReadUInt64LittleEndian(raw);
        }
    }
}
