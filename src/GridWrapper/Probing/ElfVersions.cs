using System.Buffers.Binary;

namespace GridWrapper.Probing;

/// <summary>
/// What a 64-bit little-endian shared library says of itself and of the C library that it needs (elf(5), and "Symbol Versioning" of the LSB). Driver libraries have
/// hundreds of megabytes, so only the tables in question are read, and nothing at all is believed of their offsets.
/// </summary>
internal sealed record ElfVersions
{
    private const uint LoadSegment = 1, DynamicSegment = 2;
    private const ulong StringTableTag = 5, SonameTag = 14, NeedTag = 0x6ffffffe, NeedCountTag = 0x6fffffff, DefinitionTag = 0x6ffffffc, DefinitionCountTag = 0x6ffffffd;
    private const int MaxEntries = 4096, MaxDynamicBytes = 64 * 1024, MaxText = 256;

    /// <summary>e_machine.</summary>
    public required ushort Machine { get; init; }

    /// <summary>DT_SONAME, "" where there is none.</summary>
    public string Soname { get; init; } = "";

    /// <summary>Symbol versions that it needs of libc, libm, libpthread and their like.</summary>
    public ImmutableArray<string> Needed { get; init; } = [];

    /// <summary>Symbol versions that it provides.</summary>
    public ImmutableArray<string> Defined { get; init; } = [];

    /// <returns>Null for anything that is not a sound file of this kind.</returns>
    internal static ElfVersions? Read(string path)
    {
        if (Touch.Open(Linux.Libc.AT_FDCWD, path, Linux.Libc.O_RDONLY | Linux.Libc.O_NONBLOCK, out int fd) != 0)
        {
            return null;
        }

        ElfVersions? found = Read(fd);
        Touch.Close(fd);
        return found;
    }

    /// <inheritdoc cref="Read(string)"/>
    internal static ElfVersions? Read(int fd)
    {
        byte[] header = Bytes(fd, 0, 64);
        if (header.Length < 64 || header is not [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, ..])
        {
            return null;
        }

        ulong table = Long(header, 32);
        int size = Short(header, 54);
        int count = Short(header, 56);
        if (size is < 56 or > 256 || count > MaxEntries)
        {
            return null;
        }

        byte[] segments = Bytes(fd, table, size * count);
        return segments.Length < size * count ? null : new Reader(fd, segments, size).Read((ushort)Short(header, 18));
    }

    private static byte[] Bytes(int fd, ulong offset, int length) =>
        offset < long.MaxValue && Touch.Read(fd, (long)offset, length, out byte[] content) == 0 ? content : [];

    private static int Short(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong Long(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    /// <summary>One file's tables.</summary>
    private sealed class Reader(int fd, byte[] segments, int segmentSize)
    {
        private readonly Dictionary<ulong, ulong> _dynamic = [];
        private ulong _strings;

        internal ElfVersions Read(ushort machine)
        {
            ReadDynamic();
            _strings = _dynamic.TryGetValue(StringTableTag, out ulong address) ? Offset(address) : 0;
            return _strings == 0 ? new ElfVersions { Machine = machine } : new ElfVersions
            {
                Machine = machine,
                Soname = _dynamic.TryGetValue(SonameTag, out ulong soname) ? Text(soname) : "",
                Needed = Versions(NeedTag, NeedCountTag, new Layout(16, 2, 8, 12, 8, 16)),
                Defined = Versions(DefinitionTag, DefinitionCountTag, new Layout(20, 6, 12, 16, 0, 8)),
            };
        }

        private void ReadDynamic()
        {
            for (int at = 0; at + 56 <= segments.Length; at += segmentSize)
            {
                if (Word(segments, at) != DynamicSegment)
                {
                    continue;
                }

                byte[] entries = Bytes(fd, Long(segments, at + 8), (int)Math.Min(Long(segments, at + 32), MaxDynamicBytes));
                for (int i = 0; i + 16 <= entries.Length && Long(entries, i) != 0; i += 16)
                {
                    _dynamic[Long(entries, i)] = Long(entries, i + 8);
                }
            }
        }

        /// <summary>The file offset of an address, 0 where it lies in no segment.</summary>
        private ulong Offset(ulong address)
        {
            for (int at = 0; at + 56 <= segments.Length; at += segmentSize)
            {
                ulong start = Long(segments, at + 16);
                if (Word(segments, at) == LoadSegment && address >= start && address - start < Long(segments, at + 32))
                {
                    return unchecked(Long(segments, at + 8) + (address - start));
                }
            }

            return 0;
        }

        /// <summary>A chain of entries, each with a chain of names.</summary>
        private ImmutableArray<string> Versions(ulong tag, ulong countTag, Layout layout)
        {
            ulong at = _dynamic.TryGetValue(tag, out ulong address) ? Offset(address) : 0;
            ulong count = Math.Min(_dynamic.GetValueOrDefault(countTag), MaxEntries);
            List<string> names = [];
            for (ulong i = 0; at != 0 && i < count; i++)
            {
                byte[] entry = Bytes(fd, at, layout.EntryBytes);
                if (entry.Length < layout.EntryBytes)
                {
                    break;
                }

                Names(unchecked(at + Word(entry, layout.FirstName)), Short(entry, layout.NameCount), layout, names);
                uint next = Word(entry, layout.NextEntry);
                at = next == 0 ? 0 : unchecked(at + next);
            }

            return [.. names];
        }

        private void Names(ulong at, int count, Layout layout, List<string> names)
        {
            for (int i = 0; i < count && names.Count < MaxEntries; i++)
            {
                byte[] entry = Bytes(fd, at, layout.NameBytes);
                if (entry.Length < layout.NameBytes)
                {
                    return;
                }

                names.Add(Text(Word(entry, layout.NameText)));
                uint next = Word(entry, layout.NameBytes - 4);
                if (next == 0)
                {
                    return;
                }

                at = unchecked(at + next);
            }
        }

        private string Text(ulong offset)
        {
            byte[] bytes = Bytes(fd, unchecked(_strings + offset), MaxText);
            int end = bytes.AsSpan().IndexOf((byte)0);
            return end < 0 ? "" : Encoding.UTF8.GetString(bytes, 0, end);
        }
    }

    /// <summary>Where things stand in the two kinds of entries.</summary>
    private readonly record struct Layout(int EntryBytes, int NameCount, int FirstName, int NextEntry, int NameText, int NameBytes);
}
