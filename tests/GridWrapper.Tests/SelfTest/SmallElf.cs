using System.Buffers.Binary;

namespace GridWrapper.Tests.SelfTest;

/// <summary>Writes a minimal ELF64 file with a dynamic section, for searches that need libraries which this machine does not have.</summary>
internal static class SmallElf
{
    internal static byte[] Create(ushort machine, string? interpreter = null, string[]? needed = null, string? runPath = null, string? rPath = null)
    {
        // One load segment maps the file at address 0x1000; header, three program headers, then strings, then the dynamic section.
        const int Address = 0x1000, Strings = 64 + (3 * 56);
        List<byte> strings = [0];
        int interpreterAt = Strings + Add(strings, interpreter ?? "");
        List<(ulong Tag, ulong Value)> dynamic = [.. (needed ?? []).Select(n => (1UL, (ulong)Add(strings, n)))];
        if (runPath is not null)
        {
            dynamic.Add((29, (ulong)Add(strings, runPath)));
        }

        if (rPath is not null)
        {
            dynamic.Add((15, (ulong)Add(strings, rPath)));
        }

        dynamic.Add((5, Address + Strings));
        dynamic.Add((0, 0));
        int dynamicAt = Strings + strings.Count;
        byte[] file = new byte[dynamicAt + (dynamic.Count * 16)];
        "\u007fELF"u8.CopyTo(file);
        (file[4], file[5], file[6]) = (2, 1, 1);
        Put16(file, 16, 3);
        Put16(file, 18, machine);
        Put64(file, 32, 64);
        Put16(file, 54, 56);
        Put16(file, 56, 3);
        Segment(file, 0, 1, 0, Address, (ulong)file.Length);
        Segment(file, 1, 2, (ulong)dynamicAt, (ulong)(Address + dynamicAt), (ulong)(dynamic.Count * 16));
        Segment(file, 2, interpreter is null ? 0U : 3U, (ulong)interpreterAt, 0, (ulong)((interpreter ?? "").Length + 1));
        strings.ToArray().CopyTo(file, Strings);
        for (int i = 0; i < dynamic.Count; i++)
        {
            Put64(file, dynamicAt + (i * 16), dynamic[i].Tag);
            Put64(file, dynamicAt + (i * 16) + 8, dynamic[i].Value);
        }

        return file;
    }

    private static int Add(List<byte> strings, string text)
    {
        int at = strings.Count;
        strings.AddRange(Encoding.UTF8.GetBytes(text));
        strings.Add(0);
        return at;
    }

    private static void Segment(byte[] file, int index, uint type, ulong offset, ulong address, ulong size)
    {
        int at = 64 + (index * 56);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), type);
        Put64(file, at + 8, offset);
        Put64(file, at + 16, address);
        Put64(file, at + 32, size);
    }

    private static void Put16(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    private static void Put64(byte[] file, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);
}
