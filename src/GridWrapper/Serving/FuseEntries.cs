using System.Buffers.Binary;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>Entries, attributes and listings of a tree as the kernel has them.</summary>
internal sealed class FuseEntries(ServedTree tree)
{
    /// <summary>Nothing changes as long as it is mounted.</summary>
    internal const ulong Validity = 365 * 24 * 3600;

    private const int BlockShift = 9;
    private const uint BlockSize = 4096;

    private readonly NodeTable _table = tree.Table;

    /// <summary>What a name leads to; that it leads nowhere may be remembered as long.</summary>
    internal void WriteEntry(Span<byte> into, int node)
    {
        into[..FuseWire.EntryOut].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(into[16..], Validity);
        if (node < 0)
        {
            return;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(into, (ulong)node + 1);
        BinaryPrimitives.WriteUInt64LittleEndian(into[24..], Validity);
        WriteAttributes(into[40..], node);
    }

    internal void WriteAttributes(Span<byte> into, int number)
    {
        ref readonly Node node = ref _table[number];
        long size = ServedTree.Size(node);
        bool isDirectory = NodeKind.IsDirectory(node.Mode);
        BinaryPrimitives.WriteUInt64LittleEndian(into, (ulong)number + 1);
        BinaryPrimitives.WriteInt64LittleEndian(into[8..], size);
        BinaryPrimitives.WriteInt64LittleEndian(into[16..], (size + (1 << BlockShift) - 1) >> BlockShift);
        BinaryPrimitives.WriteInt64LittleEndian(into[24..], node.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(into[32..], node.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(into[40..], node.Seconds);
        BinaryPrimitives.WriteInt32LittleEndian(into[48..], node.Nanoseconds);
        BinaryPrimitives.WriteInt32LittleEndian(into[52..], node.Nanoseconds);
        BinaryPrimitives.WriteInt32LittleEndian(into[56..], node.Nanoseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(into[60..], tree.Mode(node));
        BinaryPrimitives.WriteInt32LittleEndian(into[64..], isDirectory ? 1 : Math.Max(node.Links, 1));
        BinaryPrimitives.WriteUInt32LittleEndian(into[68..], tree.Uid);
        BinaryPrimitives.WriteUInt32LittleEndian(into[72..], tree.Gid);
        BinaryPrimitives.WriteUInt32LittleEndian(into[76..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(into[80..], BlockSize);
        BinaryPrimitives.WriteUInt32LittleEndian(into[84..], 0);
    }

    /// <summary>A position is 1 behind ".", 2 behind "..", and behind a name the number of its entry plus three.</summary>
    internal int List(int directory, ReadOnlySpan<byte> body, Span<byte> into, bool plus)
    {
        if (body.Length < 20 || !NodeKind.IsDirectory(_table[directory].Mode))
        {
            return body.Length < 20 ? -Errno.EINVAL : -Errno.ENOTDIR;
        }

        ulong position = BinaryPrimitives.ReadUInt64LittleEndian(body[8..]);
        Span<byte> room = into[..(int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(body[16..]), (uint)Math.Min(into.Length, FuseWire.MaximumRead))];
        int used = 0;
        for (int step; position < 2; position++, used += step)
        {
            int node = position == 0 ? directory : _table[directory].Parent;
            step = WriteName(room[used..], new Listed(node, position + 1, plus, IsDot: true), position == 0 ? "."u8 : ".."u8);
            if (step == 0)
            {
                return used;
            }
        }

        int entry = position == 2 ? NodeTable.None : position - 3 < (ulong)_table.Entries.Length ? (int)(position - 3) : int.MaxValue;
        return used + ListNames(directory, entry, room[used..], plus);
    }

    private int ListNames(int directory, int entry, Span<byte> room, bool plus)
    {
        ReadOnlySpan<TreeEntry> entries = _table.Entries;
        if (entry >= 0 && (entry >= entries.Length || entries[entry].Directory != directory))
        {
            return 0;
        }

        int used = 0;
        while ((entry = _table.NextEntry(directory, entry)) >= 0)
        {
            int step = WriteName(room[used..], new Listed(entries[entry].Node, (ulong)entry + 3, plus, IsDot: false), _table.Name(entry));
            if (step == 0)
            {
                break;
            }

            used += step;
        }

        return used;
    }

    private int WriteName(Span<byte> room, Listed listed, ReadOnlySpan<byte> name)
    {
        int head = listed.Plus ? FuseWire.EntryOut : 0;
        int length = (head + FuseWire.EntryHead + name.Length + FuseWire.Alignment - 1) & ~(FuseWire.Alignment - 1);
        if (length > room.Length)
        {
            return 0;
        }

        if (listed.Plus)
        {
            WriteEntry(room, listed.IsDot ? NodeTable.None : listed.Node);
        }

        Span<byte> at = room[head..length];
        at[(FuseWire.EntryHead + name.Length)..].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(at, (ulong)listed.Node + 1);
        BinaryPrimitives.WriteUInt64LittleEndian(at[8..], listed.Next);
        BinaryPrimitives.WriteInt32LittleEndian(at[16..], name.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(at[20..], tree.Mode(_table[listed.Node]) >> 12);
        name.CopyTo(at[FuseWire.EntryHead..]);
        return length;
    }

    /// <summary>One name of a listing.</summary>
    private readonly record struct Listed(int Node, ulong Next, bool Plus, bool IsDot);
}
