using System.Buffers.Binary;

namespace GridWrapper.Tests.Probing;

/// <summary>The smallest shared library that says which symbol versions it needs and provides: headers, a dynamic table, and what that points to.</summary>
internal static class FakeElf
{
    private const int Headers = 64 + (2 * 56), DynamicEntries = 8;

    internal static byte[] Make(string soname, string[] needed, string[]? defined = null)
    {
        List<byte> strings = [0];
        int Text(string text)
        {
            int at = strings.Count;
            strings.AddRange(Encoding.UTF8.GetBytes(text + "\0"));
            return at;
        }

        int name = Text(soname);
        byte[] needs = Needs(Text("libc.so.6"), [.. needed.Select(Text)]);
        byte[] definitions = Definitions([.. (defined ?? []).Select(Text)]);
        int dynamicAt = Headers, needsAt = dynamicAt + (DynamicEntries * 16), definitionsAt = needsAt + needs.Length, stringsAt = definitionsAt + definitions.Length;
        (ulong Tag, int Value)[] dynamic =
        [
            (5, stringsAt), (14, name), (0x6ffffffe, needsAt), (0x6fffffff, needed.Length > 0 ? 1 : 0), (0x6ffffffc, definitionsAt), (0x6ffffffd, defined?.Length ?? 0), (0, 0), (0, 0),
        ];
        byte[] table = [.. dynamic.SelectMany(d => (byte[])[.. Number((long)d.Tag, 8), .. Number(d.Value, 8)])];
        byte[] body = [.. table, .. needs, .. definitions, .. strings];
        int size = Headers + body.Length;
        return
        [
            0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            .. Number(3, 2), .. Number(62, 2), .. Number(1, 4), .. Number(0, 8), .. Number(64, 8), .. Number(0, 8), .. Number(0, 4), .. Number(64, 2), .. Number(56, 2), .. Number(2, 2), .. Number(0, 6),
            .. Segment(1, 0, size), .. Segment(2, dynamicAt, table.Length), .. body,
        ];
    }

    private static byte[] Segment(int type, int at, int size) =>
        [.. Number(type, 4), .. Number(4, 4), .. Number(at, 8), .. Number(at, 8), .. Number(at, 8), .. Number(size, 8), .. Number(size, 8), .. Number(8, 8)];

    private static byte[] Needs(int file, int[] names) =>
    [
        .. Number(1, 2), .. Number(names.Length, 2), .. Number(file, 4), .. Number(16, 4), .. Number(0, 4),
        .. names.SelectMany((n, i) => (byte[])[.. Number(0, 4), .. Number(0, 2), .. Number(0, 2), .. Number(n, 4), .. Number(i + 1 < names.Length ? 16 : 0, 4)]),
    ];

    private static byte[] Definitions(int[] names) =>
    [
        .. names.SelectMany((n, i) => (byte[])
        [
            .. Number(1, 2), .. Number(0, 2), .. Number(i + 1, 2), .. Number(1, 2), .. Number(0, 4), .. Number(20, 4), .. Number(i + 1 < names.Length ? 28 : 0, 4), .. Number(n, 4), .. Number(0, 4),
        ]),
    ];

    private static byte[] Number(long value, int bytes)
    {
        byte[] all = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(all, value);
        return all[..bytes];
    }
}
