using System.Buffers.Binary;

namespace GridWrapper.Squashfs;

/// <summary>The first 96 bytes of a squashfs image, version 4.0 (little-endian), as linux/fs/squashfs/squashfs_fs.h lays them out, checked.</summary>
internal sealed record Superblock
{
    internal const int Bytes = 96;

    private const uint Magic = 0x73717368;

    public required uint Inodes { get; init; }

    public required int BlockSize { get; init; }

    public required uint Fragments { get; init; }

    public required Compressor Compressor { get; init; }

    /// <summary>Place of the root's inode: table offset of its block, shifted by 16, and the offset in the block.</summary>
    public required ulong RootInode { get; init; }

    /// <summary>Length of the image; more may follow as padding.</summary>
    public required long BytesUsed { get; init; }

    public required long InodeTable { get; init; }

    public required long DirectoryTable { get; init; }

    /// <summary>-1 where there are no fragments.</summary>
    public required long FragmentTable { get; init; }

    /// <exception cref="InvalidDataException">No image of this version, or a damaged one.</exception>
    internal static Superblock Read(ImageBytes image)
    {
        if (image.Length < Bytes)
        {
            throw new InvalidDataException($"its file system has {image.Length} bytes, too few for squashfs");
        }

        byte[] raw = image.Read(0, Bytes, "the superblock");
        if (Word(raw, 0) != Magic)
        {
            throw new InvalidDataException("its file system is not squashfs: the magic number is missing");
        }

        (int major, int minor) = (Half(raw, 28), Half(raw, 30));
        if ((major, minor) != (4, 0))
        {
            throw new InvalidDataException($"its squashfs version is {major}.{minor}, this program knows 4.0");
        }

        uint block = Word(raw, 12);
        int log = Half(raw, 22);
        if (log is < 12 or > 20 || block != 1u << log)
        {
            throw new InvalidDataException($"its squashfs block size of {block} (2^{log}) is impossible");
        }

        ulong used = Long(raw, 40);
        if (used > (ulong)image.Length)
        {
            throw new InvalidDataException($"its squashfs has {used} bytes and the file holds {image.Length} of them; it was cut off");
        }

        uint fragments = Word(raw, 16);
        return new Superblock
        {
            Inodes = Word(raw, 4),
            BlockSize = (int)block,
            Fragments = fragments,
            Compressor = CompressorOf(Half(raw, 20)),
            RootInode = Long(raw, 32),
            BytesUsed = (long)used,
            InodeTable = Table(raw, 64, used, "inode"),
            DirectoryTable = Table(raw, 72, used, "directory"),
            FragmentTable = fragments == 0 ? -1 : Table(raw, 80, used, "fragment"),
        };
    }

    private static long Table(byte[] raw, int at, ulong used, string name)
    {
        ulong start = Long(raw, at);
        return start is >= Bytes and <= long.MaxValue && start < used ? (long)start : throw new InvalidDataException($"its {name} table should lie at {start}, outside of the squashfs of {used} bytes");
    }

    private static Compressor CompressorOf(int code) => code is >= 1 and <= 6 ? (Compressor)code : throw new InvalidDataException($"its squashfs compression number {code} is not known");

    private static uint Word(byte[] raw, int at) => BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(at));

    private static int Half(byte[] raw, int at) => BinaryPrimitives.ReadUInt16LittleEndian(raw.AsSpan(at));

    private static ulong Long(byte[] raw, int at) => BinaryPrimitives.ReadUInt64LittleEndian(raw.AsSpan(at));
}

/// <summary>How blocks are compressed; the numbers of the format.</summary>
internal enum Compressor
{
    None = 0,
    Gzip = 1,
    Lzma = 2,
    Lzo = 3,
    Xz = 4,
    Lz4 = 5,
    Zstd = 6,
}
