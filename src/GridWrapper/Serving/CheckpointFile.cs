using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>
/// The file `entry` of a layer that is kept compressed: first the windows, each with its sum in its checkpoint, then the checkpoints and the sums of the pieces as they lie in
/// memory, then a tail of fixed length with the counts and a SHA-256 of all but the windows; behind it the index of the tree, and where that begins (8 bytes). Windows are read when they are needed, the rest
/// at once. All of it is one file, since inodes are what sites count.
/// </summary>
internal static class CheckpointFile
{
    /// <summary>Whoever changes the form of the file or of <see cref="Checkpoint"/> counts up.</summary>
    internal const uint Version = 1;

    /// <summary>"GWCHECKS" in the byte order of the machine.</summary>
    private const ulong Magic = 0x4757_4348_4543_4B53;
    private const int HashBytes = 32;

    /// <summary>Writes what stands behind the windows.</summary>
    /// <returns>Where it ends.</returns>
    internal static long Finish(SafeFileHandle file, CheckpointTable table, long windowBytes)
    {
        var tail = new Tail
        {
            Magic = Magic, Version = Version, PieceBytes = CheckpointTable.PieceBytes, WindowBytes = windowBytes,
            BlobBytes = table.BlobBytes, ArchiveBytes = table.ArchiveBytes, Checkpoints = table.Checkpoints.Length, Sums = table.Sums.Length,
        };
        Convert.FromHexString(table.Blob.Hex).CopyTo(MemoryMarshal.AsBytes(new Span<Hash256>(ref tail.Blob)));
        byte[] bytes =
        [
            .. MemoryMarshal.AsBytes(table.Checkpoints.AsSpan()), .. MemoryMarshal.AsBytes(table.Sums.AsSpan()), .. MemoryMarshal.AsBytes(new ReadOnlySpan<Tail>(in tail)),
        ];
        FileMaker.Demand(At.WriteAll(file, [.. bytes, .. SHA256.HashData(bytes)], windowBytes), "pwrite", "checkpoints"u8.ToArray());
        return windowBytes + bytes.Length + HashBytes;
    }

    /// <summary>Writes the index of the tree behind it.</summary>
    /// <param name="at">Where <see cref="Finish"/> ended.</param>
    internal static void Append(SafeFileHandle file, long at, PackedIndex index) => RandomAccess.Write(file, BitConverter.GetBytes(at), PackedIndexFile.Write(file, at, index));

    /// <summary>Both.</summary>
    /// <exception cref="InvalidDataException">Damaged, or not of this version.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static (CheckpointTable Table, PackedIndex Index) Read(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        long end = RandomAccess.GetLength(file) - sizeof(long);
        long split = BitConverter.ToInt64(Take(file, end, sizeof(long)));
        return split < 0 || split > end
            ? throw new InvalidDataException("its checkpoints are damaged")
            : (Read(file, split), PackedIndexFile.Read(file, path, split, end));
    }

    /// <param name="length">Where it ends.</param>
    /// <exception cref="InvalidDataException">Damaged, or not of this version.</exception>
    internal static CheckpointTable Read(SafeFileHandle file, long length)
    {
        int end = Unsafe.SizeOf<Tail>() + HashBytes;
        Tail tail = MemoryMarshal.Read<Tail>(Take(file, length - end, end));
        long size = length - tail.WindowBytes;
        if (tail.Magic != Magic || tail.Version != Version || tail.PieceBytes != CheckpointTable.PieceBytes || tail.Checkpoints <= 0 || tail.Sums < 0 || tail.WindowBytes < 0
            || size != ((long)tail.Checkpoints * Unsafe.SizeOf<Checkpoint>()) + ((long)tail.Sums * sizeof(uint)) + end || size > Array.MaxLength)
        {
            throw new InvalidDataException("its checkpoints are damaged, or not of a form that this version of gridwrap knows");
        }

        ReadOnlySpan<byte> bytes = Take(file, tail.WindowBytes, (int)size);
        if (!SHA256.HashData(bytes[..^HashBytes]).AsSpan().SequenceEqual(bytes[^HashBytes..]))
        {
            throw new InvalidDataException("its checkpoints are damaged");
        }

        int split = tail.Checkpoints * Unsafe.SizeOf<Checkpoint>();
        var table = new CheckpointTable(MemoryMarshal.Cast<byte, Checkpoint>(bytes[..split]).ToArray(), MemoryMarshal.Cast<byte, uint>(bytes.Slice(split, tail.Sums * sizeof(uint))).ToArray())
        {
            Blob = Digest.FromHash(MemoryMarshal.AsBytes(new Span<Hash256>(ref tail.Blob))),
            BlobBytes = tail.BlobBytes,
            ArchiveBytes = tail.ArchiveBytes,
        };
        table.Demand(tail.WindowBytes);
        return table;
    }

    /// <summary>What stands in the file for a window.</summary>
    internal static byte[] PackWindow(ReadOnlySpan<byte> window)
    {
        using var packed = new MemoryStream(window.Length);
        using (var deflate = new DeflateStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            deflate.Write(window);
        }

        return packed.Length < window.Length ? packed.ToArray() : window.ToArray();
    }

    /// <exception cref="InvalidDataException">It is not what was written.</exception>
    internal static byte[] ReadWindow(SafeFileHandle file, in Checkpoint point)
    {
        byte[] stored = Take(file, point.WindowAt, point.WindowBytes);
        if (Crc32C.Of(stored) != point.WindowSum)
        {
            throw new InvalidDataException($"the checkpoint at {point.Unpacked} is damaged");
        }

        if (stored.Length == point.WindowLength)
        {
            return stored;
        }

        byte[] window = new byte[point.WindowLength];
        using var inflate = new DeflateStream(new MemoryStream(stored), CompressionMode.Decompress);
        inflate.ReadExactly(window);
        return window;
    }

    private static byte[] Take(SafeFileHandle file, long at, int count)
    {
        byte[] bytes = new byte[count];
        int got = at < 0 ? -1 : 0;
        for (int more = 1; got >= 0 && got < count && more > 0; got += more)
        {
            more = RandomAccess.Read(file, bytes.AsSpan(got), at + got);
        }

        return got == count ? bytes : throw new InvalidDataException("its checkpoints are cut short");
    }

    /// <summary>A SHA-256.</summary>
    [StructLayout(LayoutKind.Sequential, Size = HashBytes)]
    private struct Hash256
    {
        private readonly long _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Tail
    {
        internal Hash256 Blob;
        internal long BlobBytes;
        internal long ArchiveBytes;
        internal long WindowBytes;
        internal int Checkpoints;
        internal int Sums;
        internal int PieceBytes;
        internal uint Version;
        internal ulong Magic;
    }
}
