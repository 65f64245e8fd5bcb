using System.Buffers.Binary;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>Answers made-up requests before the first real one comes, so that no process of the payload waits for code to be loaded.</summary>
internal static class FuseWarmUp
{
    private const int Rounds = 40;

    internal static void Run()
    {
        NodeTable table = new();
        int file = table.Add(new Node { Mode = NodeKind.File | 0x1A4, Size = 4096 });
        table.Set(NodeTable.Root, "a"u8, file);
        using ServedRoot root = new(table, [new Zeros()]);
        FuseAnswers answers = new(new ServedTree(root, 0, 0), null);
        using NativeBuffer reply = new(FuseWire.OutHeader + FuseWire.MaximumRead);
        Span<byte> request = stackalloc byte[FuseWire.InHeader + 64];
        for (int round = 0; round < Rounds; round++)
        {
            foreach (uint opcode in (ReadOnlySpan<uint>)[FuseWire.Lookup, FuseWire.GetAttributes, FuseWire.Open, FuseWire.OpenDirectory, FuseWire.ReadDirectory, FuseWire.ReadDirectoryPlus, FuseWire.Statfs, FuseWire.Read])
            {
                request.Clear();
                BinaryPrimitives.WriteInt32LittleEndian(request, request.Length);
                BinaryPrimitives.WriteUInt32LittleEndian(request[4..], opcode);
                BinaryPrimitives.WriteInt32LittleEndian(request[16..], opcode == FuseWire.Read ? file + 1 : 1);
                BinaryPrimitives.WriteInt32LittleEndian(request[(FuseWire.InHeader + 16)..], 4096);
                if (opcode == FuseWire.Lookup)
                {
                    request[FuseWire.InHeader] = (byte)(round % 2 == 0 ? 'a' : 'b');
                }

                _ = answers.Answer(request, reply.Span);
            }
        }
    }

    private sealed class Zeros : FileSource
    {
        internal override int Read(long data, long offset, Span<byte> into)
        {
            into.Clear();
            return 0;
        }
    }
}
