using System.Buffers.Binary;
using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>Requests as the kernel writes them, and a small tree to ask about.</summary>
internal static class FuseRequest
{
    internal static byte[] Of(uint opcode, ulong node, params ReadOnlySpan<byte> body)
    {
        byte[] request = new byte[FuseWire.InHeader + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(request, request.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(request.AsSpan(4), opcode);
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), 0x1122334455667788);
        BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(16), node);
        body.CopyTo(request.AsSpan(FuseWire.InHeader));
        return request;
    }

    /// <summary>READ, READDIR and READDIRPLUS.</summary>
    internal static byte[] Read(uint opcode, ulong node, ulong offset, uint size)
    {
        byte[] body = new byte[40];
        BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), size);
        return Of(opcode, node, body);
    }

    internal static byte[] Init(uint major, uint minor, uint flags, int length)
    {
        byte[] body = new byte[length];
        BinaryPrimitives.WriteUInt32LittleEndian(body, major);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(4), minor);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(8), 131072);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(12), flags);
        return Of(FuseWire.Init, 0, body);
    }

    internal static byte[] Xattr(uint opcode, ulong node, uint size, string name)
    {
        byte[] body = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(body, size);
        return Of(opcode, node, [.. body, .. Encoding.UTF8.GetBytes(name), .. (ReadOnlySpan<byte>)(opcode == FuseWire.GetXattr ? [0] : [])]);
    }

    /// <summary>/f (10 bytes "0123456789", mode 0644, two names), /d/g (the same node), /l -> f, /w a character device, /x a file whose source fails with 5.</summary>
    internal static ServedTree Tree()
    {
        NodeTable table = new();
        int file = table.Add(new Node { Mode = NodeKind.File | 0x1A4, Size = 10, Seconds = 1_700_000_000, Nanoseconds = 5 });
        int directory = table.Add(new Node { Mode = NodeKind.Directory | 0x1ED });
        table.Set(NodeTable.Root, "f"u8, file);
        table.Set(NodeTable.Root, "d"u8, directory);
        table.Set(directory, "g"u8, file);
        table.Set(NodeTable.Root, "l"u8, table.AddLink(new Node { Mode = NodeKind.Link | 0x1FF }, "f"u8));
        table.Set(NodeTable.Root, "w"u8, table.Add(new Node { Mode = NodeKind.CharacterDevice | 0x1B6 }));
        table.Set(NodeTable.Root, "x"u8, table.Add(new Node { Mode = NodeKind.File | 0x124, Size = 7, Source = 1 }));
        table.Attributes[file] = [("user.a"u8.ToArray(), "one"u8.ToArray()), ("user.b"u8.ToArray(), [])];
        return new ServedTree(new ServedRoot(table, [new Digits(), new Broken()]), 12345, 54321);
    }

    internal sealed class Digits : FileSource
    {
        internal override int Read(long data, long offset, Span<byte> into)
        {
            for (int i = 0; i < into.Length; i++)
            {
                into[i] = (byte)('0' + ((offset + i) % 10));
            }

            return 0;
        }
    }

    internal sealed class Broken : FileSource
    {
        internal override int Read(long data, long offset, Span<byte> into) => 5;
    }
}
