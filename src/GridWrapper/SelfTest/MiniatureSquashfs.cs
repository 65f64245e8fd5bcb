using System.Buffers.Binary;
using GridWrapper.Squashfs;

namespace GridWrapper.SelfTest;

/// <summary>
/// A tree as a squashfs image, version 4.0, that compresses nothing: for an image file that no program of the node has to make. Every directory's listing has a header for each name, which
/// the format allows and which spares the grouping. Only for content made by this room.
/// </summary>
internal sealed class MiniatureSquashfs : IDisposable
{
    private const int BlockLog = 17;
    private const int BlockBytes = 1 << BlockLog;
    private const int MetadataBytes = 8192;
    private const uint Uncompressed = 1 << 24;
    private const ushort MetadataUncompressed = 0x8000;

    /// <summary>Inodes, data, fragments and ids are not compressed; there are neither fragments nor extended attributes.</summary>
    private const ushort Flags = 0x0001 | 0x0002 | 0x0008 | 0x0010 | 0x0200 | 0x0800;

    private static readonly DateTimeOffset s_modified = new(2023, 11, 14, 22, 13, 20, TimeSpan.Zero);

    private readonly SortedDictionary<string, MiniatureEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, uint> _numbers = new(StringComparer.Ordinal);
    private readonly MemoryStream _data = new();
    private readonly MemoryStream _inodes = new();
    private readonly MemoryStream _directories = new();

    private MiniatureSquashfs(IEnumerable<MiniatureEntry> entries)
    {
        _entries[""] = new MiniatureEntry.Folder("");
        foreach (MiniatureEntry entry in entries)
        {
            _entries[entry.Path] = entry;
        }

        foreach (string path in _entries.Keys)
        {
            _numbers[path] = (uint)_numbers.Count + 1;
        }
    }

    public void Dispose()
    {
        _data.Dispose();
        _inodes.Dispose();
        _directories.Dispose();
    }

    /// <param name="entries">Without whiteouts and hard links; see <see cref="MiniatureTree.Flatten"/>.</param>
    internal static byte[] Build(IEnumerable<MiniatureEntry> entries)
    {
        using var image = new MiniatureSquashfs(entries);
        ulong root = image.AddFolder((MiniatureEntry.Folder)image._entries[""]);
        return image.Assemble(root);
    }

    /// <returns>Where the inode is: its metadata block's offset in the table, shifted by 16, and the offset in the block.</returns>
    private ulong Add(MiniatureEntry entry) => entry switch
    {
        MiniatureEntry.Folder folder => AddFolder(folder),
        MiniatureEntry.RegularFile file => AddFile(file),
        MiniatureEntry.SymbolicLink link => AddLink(link),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>What is in it comes first, because its listing says where that is.</summary>
    private ulong AddFolder(MiniatureEntry.Folder folder)
    {
        List<(string Name, MiniatureEntry Entry, ulong Inode)> children =
            [.. _entries.Values.Where(e => e.Path.Length > 0 && Parent(e.Path) == folder.Path).Select(e => (Path.GetFileName(e.Path), e, Add(e))).OrderBy(c => c.Item1, StringComparer.Ordinal)];
        ulong listing = Place(_directories);
        long began = _directories.Length;
        foreach ((string name, MiniatureEntry entry, ulong inode) in children)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            Word(_directories, 0, (uint)(inode >> 16), _numbers[entry.Path]);
            Half(_directories, (int)(inode & 0xFFFF), 0, TypeOf(entry), bytes.Length - 1);
            _directories.Write(bytes);
        }

        int length = checked((ushort)(_directories.Length - began + 3));
        ulong place = Begin(folder, folder.Mode);
        Word(_inodes, (uint)(listing >> 16), 2 + (uint)children.Count(c => c.Entry is MiniatureEntry.Folder));
        Half(_inodes, length, (int)(listing & 0xFFFF));
        Word(_inodes, folder.Path.Length == 0 ? (uint)_numbers.Count + 1 : _numbers[Parent(folder.Path)]);
        return place;
    }

    private ulong AddFile(MiniatureEntry.RegularFile file)
    {
        uint start = (uint)(Superblock.Bytes + _data.Length);
        _data.Write(file.Content.Span);
        ulong place = Begin(file, file.Mode);
        Word(_inodes, start, uint.MaxValue, 0, (uint)file.Content.Length);
        for (int at = 0; at < file.Content.Length; at += BlockBytes)
        {
            Word(_inodes, Uncompressed | (uint)Math.Min(BlockBytes, file.Content.Length - at));
        }

        return place;
    }

    private ulong AddLink(MiniatureEntry.SymbolicLink link)
    {
        byte[] target = Encoding.UTF8.GetBytes(link.Target);
        ulong place = Begin(link, MiniatureEntry.Executable);
        Word(_inodes, 1, (uint)target.Length);
        _inodes.Write(target);
        return place;
    }

    private ulong Begin(MiniatureEntry entry, UnixFileMode mode)
    {
        ulong place = Place(_inodes);
        Half(_inodes, TypeOf(entry), (int)mode, 0, 0);
        Word(_inodes, (uint)s_modified.ToUnixTimeSeconds(), _numbers[entry.Path]);
        return place;
    }

    private byte[] Assemble(ulong root)
    {
        byte[] inodes = InBlocks(_inodes.ToArray());
        byte[] directories = InBlocks(_directories.ToArray());
        byte[] ids = InBlocks(new byte[4]);
        long inodeTable = Superblock.Bytes + _data.Length;
        long directoryTable = inodeTable + inodes.Length;
        long idBlock = directoryTable + directories.Length;
        long idTable = idBlock + ids.Length;
        using var image = new MemoryStream();
        Word(image, 0x73717368, (uint)_numbers.Count, (uint)s_modified.ToUnixTimeSeconds(), BlockBytes, 0);
        Half(image, (int)Compressor.Gzip, BlockLog, Flags, 1, 4, 0);
        Long(image, root, (ulong)idTable + 8, (ulong)idTable, ulong.MaxValue, (ulong)inodeTable, (ulong)directoryTable, (ulong)idBlock, ulong.MaxValue);
        _data.WriteTo(image);
        image.Write(inodes);
        image.Write(directories);
        image.Write(ids);
        Long(image, (ulong)idBlock);

        // The kernel wants whole pages.
        image.SetLength((image.Length + 4095) / 4096 * 4096);
        return image.ToArray();
    }

    private static byte[] InBlocks(byte[] table)
    {
        using var blocks = new MemoryStream();
        for (int at = 0; at < table.Length; at += MetadataBytes)
        {
            int length = Math.Min(MetadataBytes, table.Length - at);
            Half(blocks, MetadataUncompressed | length);
            blocks.Write(table, at, length);
        }

        return blocks.ToArray();
    }

    /// <summary>Where the next byte will be once the table is cut into blocks of which each has a header.</summary>
    private static ulong Place(MemoryStream table) => ((ulong)(table.Length / MetadataBytes * (MetadataBytes + 2)) << 16) | (ulong)(table.Length % MetadataBytes);

    private static int TypeOf(MiniatureEntry entry) => entry switch
    {
        MiniatureEntry.Folder => 1,
        MiniatureEntry.RegularFile => 2,
        _ => 3,
    };

    private static string Parent(string path) => path.LastIndexOf('/') is var slash and > 0 ? path[..slash] : "";

    private static void Half(MemoryStream to, params ReadOnlySpan<int> values)
    {
        Span<byte> bytes = stackalloc byte[2];
        foreach (int value in values)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
            to.Write(bytes);
        }
    }

    private static void Word(MemoryStream to, params ReadOnlySpan<uint> values)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (uint value in values)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            to.Write(bytes);
        }
    }

    private static void Long(MemoryStream to, params ReadOnlySpan<ulong> values)
    {
        Span<byte> bytes = stackalloc byte[8];
        foreach (ulong value in values)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            to.Write(bytes);
        }
    }
}
