using System.Buffers.Binary;

namespace GridWrapper.Probing;

/// <summary>The dynamic loader's list of libraries, /etc/ld.so.cache, in the form that glibc has written since 2.1, alone or behind the older one (glibc, dl-cache.h). Pure.</summary>
internal static class LoaderCache
{
    private const int HeaderBytes = 48, EntryBytes = 24, OldHeaderBytes = 16, OldEntryBytes = 12;

    private static ReadOnlySpan<byte> OldMagic => "ld.so-1.7.0"u8;

    private static ReadOnlySpan<byte> Magic => "glibc-ld.so.cache1.1"u8;

    /// <summary>Flags of a 64-bit library of this machine's kind: x86-64 or aarch64, for glibc.</summary>
    private static bool IsWanted(int flags) => (flags & 0xff) == 3 && (flags & 0xff00) is 0x300 or 0xa00;

    /// <summary>Sonames and their paths, in the order in which the loader tries them; empty for bytes that are no such list.</summary>
    internal static ImmutableArray<(string Name, string Path)> Parse(ReadOnlySpan<byte> content)
    {
        ReadOnlySpan<byte> list = content;
        if (list.StartsWith(OldMagic) && list.Length > OldHeaderBytes)
        {
            long end = OldHeaderBytes + (BinaryPrimitives.ReadUInt32LittleEndian(list[12..]) * (long)OldEntryBytes);
            end = (end + 7) & ~7L;
            list = end < list.Length ? list[(int)end..] : [];
        }

        if (!list.StartsWith(Magic) || list.Length < HeaderBytes)
        {
            return [];
        }

        uint count = BinaryPrimitives.ReadUInt32LittleEndian(list[20..]);
        ImmutableArray<(string, string)>.Builder found = ImmutableArray.CreateBuilder<(string, string)>();
        for (long i = 0; i < count && HeaderBytes + ((i + 1) * EntryBytes) <= list.Length; i++)
        {
            ReadOnlySpan<byte> entry = list.Slice((int)(HeaderBytes + (i * EntryBytes)), EntryBytes);
            string name = Text(list, BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]));
            string path = Text(list, BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
            if (IsWanted(BinaryPrimitives.ReadInt32LittleEndian(entry)) && name.Length > 0 && path.StartsWith('/'))
            {
                found.Add((name, path));
            }
        }

        return found.ToImmutable();
    }

    private static string Text(ReadOnlySpan<byte> list, uint offset)
    {
        if (offset >= list.Length)
        {
            return "";
        }

        ReadOnlySpan<byte> rest = list[(int)offset..];
        int end = rest.IndexOf((byte)0);
        return end < 0 ? "" : Encoding.UTF8.GetString(rest[..end]);
    }
}
