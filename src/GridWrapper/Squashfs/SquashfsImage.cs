using System.Buffers.Binary;

namespace GridWrapper.Squashfs;

/// <summary>
/// A squashfs image that is read without mounting it and without a program of the node: names, attributes and contents. Every number of the image is checked before it is used, so that a
/// hostile one ends in <see cref="InvalidDataException"/>. Not for use by several threads, but for the decoding of data blocks.
/// </summary>
internal sealed class SquashfsImage
{
    private const uint DataUncompressed = 1 << 24;
    private const uint NoFragment = uint.MaxValue;
    private const int FragmentEntryBytes = 16;
    private const int FragmentsInBlock = MetadataBlocks.BlockBytes / FragmentEntryBytes;

    /// <summary>PATH_MAX, and one more than what a link can lead to.</summary>
    private const int LongestTarget = 4096;

    private const int LongestName = 256;

    private readonly ImageBytes _bytes;
    private readonly MetadataBlocks _metadata;

    private SquashfsImage(ImageBytes bytes, Superblock super)
    {
        (_bytes, Super) = (bytes, super);
        _metadata = new MetadataBlocks(bytes, super);
    }

    internal Superblock Super { get; }

    /// <exception cref="InvalidDataException">No squashfs image that this program can read.</exception>
    internal static SquashfsImage Open(ImageBytes bytes) => new(bytes, Superblock.Read(bytes));

    internal SquashfsInode Root => Inode(Super.RootInode) is { Kind: SquashfsKind.Directory } root ? root : throw new InvalidDataException("its root is not a directory");

    internal SquashfsInode Inode(ulong reference)
    {
        MetadataBlocks.Cursor at = Place(Super.InodeTable, reference >> 16, (int)(reference & 0xFFFF));
        int type = at.Half();
        var common = new SquashfsInode
        {
            Kind = KindOf(type),
            Mode = (uint)at.Half() & 0xFFF,
            Modified = Skip(at, 4).Word(),
            Number = at.Word(),
        };
        return type switch
        {
            1 => BasicDirectory(common, at),
            8 => LongDirectory(common, at),
            2 => BasicFile(common, at),
            9 => LongFile(common, at),
            3 or 10 => common with { Links = at.Word(), Target = Target(at) },
            _ => common with { Links = at.Word() },
        };
    }

    /// <summary>The names in a directory, in the order of the image.</summary>
    internal IEnumerable<SquashfsName> List(SquashfsInode directory)
    {
        // Three bytes more than there are, for "." and "..".
        long left = (long)directory.ListingBytes - 3;
        if (left <= 0)
        {
            yield break;
        }

        MetadataBlocks.Cursor at = Place(Super.DirectoryTable, directory.ListingBlock, directory.ListingOffset);
        byte[] before = [];
        while (left > 0)
        {
            uint count = at.Word() + 1;
            uint block = at.Word();
            at.Word();
            left -= 12;
            if (count is 0 or > 256)
            {
                throw new InvalidDataException($"a directory tells of {count} entries in one run, where 256 is the most");
            }

            for (; count > 0; count--)
            {
                int offset = at.Half();
                Skip(at, 4);
                int length = at.Half() + 1;
                left -= 8 + length;
                if (length > LongestName || left < 0)
                {
                    throw new InvalidDataException($"a directory holds a name of {length} bytes beyond its end");
                }

                byte[] name = Checked(at.Bytes(length), before);
                before = name;
                yield return new SquashfsName(name, ((ulong)block << 16) | (uint)offset);
            }
        }
    }

    /// <summary>Where block number <paramref name="index"/> of a file begins, what it takes there, and what it holds.</summary>
    internal StoredBlock Block(SquashfsInode file, int index, long offset)
    {
        long rest = file.SizeBytes - ((long)index * Super.BlockSize);
        return Stored(offset, file.BlockSizes[index], (int)Math.Min(rest, Super.BlockSize));
    }

    /// <summary>The block that holds ends of files. How much it holds is known when it is decoded.</summary>
    internal StoredBlock Fragment(uint number)
    {
        if (number >= Super.Fragments)
        {
            throw new InvalidDataException($"a file ends in fragment {number}, and there are {Super.Fragments}");
        }

        Span<byte> pointer = stackalloc byte[8];
        _bytes.Read(Super.FragmentTable + (number / FragmentsInBlock * 8), pointer, "the fragment table");
        long start = Offset(BinaryPrimitives.ReadUInt64LittleEndian(pointer), "a block of fragments");
        MetadataBlocks.Cursor at = _metadata.At(start, (int)(number % FragmentsInBlock) * FragmentEntryBytes);
        return Stored(Offset(at.Long(), "a fragment"), at.Word(), Super.BlockSize);
    }

    /// <summary>The content of a block into a buffer of at least one block; returns its length. May be called by several threads.</summary>
    internal int Decode(StoredBlock block, byte[] into)
    {
        if (block.StoredBytes == 0)
        {
            into.AsSpan(0, block.ContentBytes).Clear();
            return block.ContentBytes;
        }

        if (!block.Compressed)
        {
            int length = Math.Min(block.StoredBytes, Super.BlockSize);
            _bytes.Read(block.Offset, into.AsSpan(0, length), "a block of data");
            return length;
        }

        byte[] raw = System.Buffers.ArrayPool<byte>.Shared.Rent(block.StoredBytes);
        try
        {
            _bytes.Read(block.Offset, raw.AsSpan(0, block.StoredBytes), "a block of data");
            return BlockDecoder.Decode(Super.Compressor, raw, block.StoredBytes, into, Super.BlockSize);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(raw);
        }
    }

    private StoredBlock Stored(long offset, uint size, int content)
    {
        int stored = (int)(size & ~DataUncompressed);
        if (stored > Super.BlockSize || offset + stored > Super.BytesUsed)
        {
            throw new InvalidDataException($"a block of data should lie at {offset} with {stored} bytes, which is impossible");
        }

        return new StoredBlock(offset, stored, (size & DataUncompressed) == 0, content);
    }

    private static SquashfsKind KindOf(int type) => type switch
    {
        1 or 8 => SquashfsKind.Directory,
        2 or 9 => SquashfsKind.File,
        3 or 10 => SquashfsKind.Link,
        4 or 11 => SquashfsKind.BlockDevice,
        5 or 12 => SquashfsKind.CharacterDevice,
        6 or 13 => SquashfsKind.Fifo,
        7 or 14 => SquashfsKind.Socket,
        _ => throw new InvalidDataException($"an inode has the type {type}, which there is not"),
    };

    private static SquashfsInode BasicDirectory(SquashfsInode common, MetadataBlocks.Cursor at) => common with
    {
        ListingBlock = at.Word(),
        Links = at.Word(),
        ListingBytes = (uint)at.Half(),
        ListingOffset = at.Half(),
    };

    private static SquashfsInode LongDirectory(SquashfsInode common, MetadataBlocks.Cursor at) => common with
    {
        Links = at.Word(),
        ListingBytes = at.Word(),
        ListingBlock = at.Word(),
        ListingOffset = Skip(at, 6).Half(),
    };

    private SquashfsInode BasicFile(SquashfsInode common, MetadataBlocks.Cursor at)
    {
        uint start = at.Word();
        uint fragment = at.Word();
        uint offset = at.Word();
        return WithBlocks(common with { Blocks = start, FragmentOffset = offset, SizeBytes = at.Word() }, fragment, at);
    }

    private SquashfsInode LongFile(SquashfsInode common, MetadataBlocks.Cursor at)
    {
        ulong start = at.Long();
        ulong size = at.Long();
        uint links = Skip(at, 8).Word();
        uint fragment = at.Word();
        uint offset = at.Word();
        at.Word();
        long length = size <= long.MaxValue / 2 ? (long)size : throw new InvalidDataException($"a file has the impossible size {size}");
        return WithBlocks(common with { Blocks = Offset(start, "a file", allowEnd: true), FragmentOffset = offset, SizeBytes = length, Links = links }, fragment, at);
    }

    private SquashfsInode WithBlocks(SquashfsInode file, uint fragment, MetadataBlocks.Cursor at)
    {
        long whole = file.SizeBytes / Super.BlockSize;
        long count = fragment == NoFragment && file.SizeBytes % Super.BlockSize != 0 ? whole + 1 : whole;
        long tail = file.SizeBytes % Super.BlockSize;
        bool fits = count <= (Super.BytesUsed - Super.InodeTable) * 512 && (fragment == NoFragment || (tail > 0 && file.FragmentOffset <= Super.BlockSize - tail));
        if (!fits || count > int.MaxValue / 8)
        {
            throw new InvalidDataException($"a file of {file.SizeBytes} bytes has no room for the sizes of its blocks");
        }

        // Read in steps: a damaged size must not take memory for what is not there.
        List<uint> sizes = [];
        for (long i = 0; i < count; i++)
        {
            sizes.Add(at.Word());
        }

        return file with { Fragment = fragment == NoFragment ? null : fragment, BlockSizes = [.. sizes] };
    }

    private static byte[] Target(MetadataBlocks.Cursor at)
    {
        uint length = at.Word();
        return length is > 0 and <= LongestTarget ? at.Bytes((int)length) : throw new InvalidDataException($"a symbolic link of {length} bytes is impossible");
    }

    /// <summary>Names are in order, as the kernel demands: so none comes twice, and none can be a link first and a directory behind it.</summary>
    private static byte[] Checked(byte[] name, byte[] before) =>
        name.AsSpan().ContainsAny((byte)'/', (byte)0) || name.AsSpan().SequenceEqual("."u8) || name.AsSpan().SequenceEqual(".."u8)
            ? throw new InvalidDataException("a directory holds a name that no file may have")
            : name.AsSpan().SequenceCompareTo(before) > 0 ? name : throw new InvalidDataException("the names in a directory are not in order, or one comes twice");

    private MetadataBlocks.Cursor Place(long table, ulong block, int offset) =>
        block < (ulong)(Super.BytesUsed - table) && offset < MetadataBlocks.BlockBytes
            ? _metadata.At(table + (long)block, offset)
            : throw new InvalidDataException($"a place {block} bytes into a table is named, which is outside of the image");

    private long Offset(ulong value, string what, bool allowEnd = false) =>
        value < (ulong)Super.BytesUsed || (allowEnd && value == (ulong)Super.BytesUsed) ? (long)value : throw new InvalidDataException($"{what} should lie at {value}, outside of the image");

    private static MetadataBlocks.Cursor Skip(MetadataBlocks.Cursor at, int bytes)
    {
        Span<byte> ignored = stackalloc byte[8];
        at.Fill(ignored[..bytes]);
        return at;
    }
}

/// <summary>A block of data as it lies in the image.</summary>
/// <param name="StoredBytes">0: it holds nothing but zeros.</param>
/// <param name="ContentBytes">What it holds; for a fragment the most that it may hold.</param>
internal readonly record struct StoredBlock(long Offset, int StoredBytes, bool Compressed, int ContentBytes);
