using System.Buffers.Binary;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>Extended attributes as the kernel has them.</summary>
internal sealed class FuseXattrs(ServedTree tree)
{
    private readonly NodeTable _table = tree.Table;

    internal int Get(int node, ReadOnlySpan<byte> body, Span<byte> into)
    {
        if (!tree.HasAttributes)
        {
            return -Errno.ENOSYS;
        }

        int end = body.Length < 8 ? -1 : body[8..].IndexOf((byte)0);
        if (end < 0)
        {
            return -Errno.EINVAL;
        }

        if (!_table.Attributes.TryGetValue(node, out ImmutableArray<(byte[] Name, byte[] Value)> attributes))
        {
            return -Errno.ENODATA;
        }

        foreach ((byte[] name, byte[] value) in attributes)
        {
            if (body.Slice(8, end).SequenceEqual(name))
            {
                return Sized(body, into, value.Length) is { } answer ? answer : Copied(value, into);
            }
        }

        return -Errno.ENODATA;
    }

    internal int List(int node, ReadOnlySpan<byte> body, Span<byte> into)
    {
        if (body.Length < 8)
        {
            return -Errno.EINVAL;
        }

        if (!_table.Attributes.TryGetValue(node, out ImmutableArray<(byte[] Name, byte[] Value)> attributes))
        {
            attributes = [];
        }

        int length = 0;
        foreach ((byte[] name, _) in attributes)
        {
            length += name.Length + 1;
        }

        if (Sized(body, into, length) is { } answer)
        {
            return answer;
        }

        int at = 0;
        foreach ((byte[] name, _) in attributes)
        {
            at += Copied(name, into[at..]);
            into[at++] = 0;
        }

        return length;
    }

    private static int Copied(byte[] value, Span<byte> into)
    {
        value.CopyTo(into);
        return value.Length;
    }

    /// <summary>The answer to a question for a length, or to one with too little room; null where the value itself is due.</summary>
    private static int? Sized(ReadOnlySpan<byte> body, Span<byte> into, int length)
    {
        uint room = BinaryPrimitives.ReadUInt32LittleEndian(body);
        if (room != 0)
        {
            return room < (uint)length || length > into.Length ? -Errno.ERANGE : null;
        }

        into[..8].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(into, length);
        return 8;
    }
}
