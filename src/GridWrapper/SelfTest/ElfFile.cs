using System.Buffers.Binary;

namespace GridWrapper.SelfTest;

/// <summary>
/// What the dynamic loader reads of a 64-bit little-endian ELF file (elf(5)): which machine it is for, which interpreter it names, which libraries it needs
/// and where it wants them searched. A static program has neither interpreter nor libraries.
/// </summary>
internal sealed record ElfFile
{
    /// <summary>e_machine of x86-64.</summary>
    internal const ushort X86_64 = 62;

    /// <summary>e_machine of aarch64.</summary>
    internal const ushort Aarch64 = 183;

    private const uint LoadSegment = 1, DynamicSegment = 2, InterpreterSegment = 3;
    private const ulong EndTag = 0, NeededTag = 1, StringTableTag = 5, RPathTag = 15, RunPathTag = 29;

    public required ushort Machine { get; init; }

    /// <summary>PT_INTERP, the absolute path of the loader; null for libraries and static programs.</summary>
    public string? Interpreter { get; init; }

    /// <summary>DT_NEEDED in file order.</summary>
    public ImmutableArray<string> Needed { get; init; } = [];

    /// <summary>DT_RUNPATH, or DT_RPATH where there is no DT_RUNPATH, split at colons, $ORIGIN unexpanded.</summary>
    public ImmutableArray<string> SearchPath { get; init; } = [];

    /// <summary>True if the bytes begin as an ELF file does.</summary>
    internal static bool HasMagic(ReadOnlySpan<byte> content) => content.StartsWith("\u007fELF"u8);

    /// <summary>Reads the headers; false with a reason for anything that is not a sound 64-bit little-endian ELF file.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> content, out ElfFile? file, out string error)
    {
        file = null;
        error = "";
        if (!HasMagic(content) || content.Length < 64)
        {
            error = "not an ELF file";
            return false;
        }

        if (content[4] != 2 || content[5] != 1)
        {
            error = "not a 64-bit little-endian ELF file";
            return false;
        }

        try
        {
            file = Parse(content);
            return true;
        }
        catch (FormatException malformed)
        {
            error = malformed.Message;
            return false;
        }
    }

    private static ElfFile Parse(ReadOnlySpan<byte> content)
    {
        ImmutableArray<Segment> segments = ReadSegments(content);
        string? interpreter = null;
        List<(ulong Tag, ulong Value)> dynamic = [];
        foreach (Segment segment in segments)
        {
            if (segment.Type == InterpreterSegment)
            {
                interpreter = Text(content, segment.Offset);
            }
            else if (segment.Type == DynamicSegment)
            {
                dynamic = ReadDynamic(content, segment);
            }
        }

        ElfFile bare = new() { Machine = (ushort)Number(content, 18, 2), Interpreter = interpreter };
        if (!dynamic.Exists(d => d.Tag == StringTableTag))
        {
            return bare;
        }

        ulong strings = FileOffset(segments, dynamic.Find(d => d.Tag == StringTableTag).Value);
        ImmutableArray<string> needed = Texts(content, dynamic, strings, NeededTag);
        ImmutableArray<string> runPath = Texts(content, dynamic, strings, RunPathTag);
        ImmutableArray<string> path = runPath.IsEmpty ? Texts(content, dynamic, strings, RPathTag) : runPath;
        return bare with { Needed = needed, SearchPath = [.. path.SelectMany(p => p.Split(':', StringSplitOptions.RemoveEmptyEntries))] };
    }

    private static ImmutableArray<Segment> ReadSegments(ReadOnlySpan<byte> content)
    {
        const ulong EntrySize = 56;
        ulong table = Number(content, 32, 8);
        ulong size = Number(content, 54, 2);
        ulong count = Number(content, 56, 2);
        if (count > 0 && size < EntrySize)
        {
            throw new FormatException($"the ELF file's program headers are {size} bytes long");
        }

        ImmutableArray<Segment>.Builder segments = ImmutableArray.CreateBuilder<Segment>((int)count);
        for (ulong i = 0; i < count; i++)
        {
            ulong at = Sum(table, i * size);
            segments.Add(new Segment(
                (uint)Number(content, at, 4), Number(content, Sum(at, 8), 8), Number(content, Sum(at, 16), 8), Number(content, Sum(at, 32), 8)));
        }

        return segments.MoveToImmutable();
    }

    private static List<(ulong Tag, ulong Value)> ReadDynamic(ReadOnlySpan<byte> content, Segment segment)
    {
        List<(ulong Tag, ulong Value)> entries = [];
        for (ulong i = 0; i + 16 <= segment.FileSize; i += 16)
        {
            ulong at = Sum(segment.Offset, i);
            ulong tag = Number(content, at, 8);
            if (tag == EndTag)
            {
                break;
            }

            entries.Add((tag, Number(content, Sum(at, 8), 8)));
        }

        return entries;
    }

    private static ImmutableArray<string> Texts(ReadOnlySpan<byte> content, List<(ulong Tag, ulong Value)> dynamic, ulong strings, ulong tag)
    {
        ImmutableArray<string>.Builder texts = ImmutableArray.CreateBuilder<string>();
        foreach ((ulong entryTag, ulong value) in dynamic)
        {
            if (entryTag == tag)
            {
                texts.Add(Text(content, Sum(strings, value)));
            }
        }

        return texts.DrainToImmutable();
    }

    private static ulong FileOffset(ImmutableArray<Segment> segments, ulong address)
    {
        foreach (Segment segment in segments)
        {
            if (segment.Type == LoadSegment && address >= segment.Address && address - segment.Address < segment.FileSize)
            {
                return Sum(segment.Offset, address - segment.Address);
            }
        }

        throw new FormatException("the ELF file's string table lies in no segment");
    }

    private static string Text(ReadOnlySpan<byte> content, ulong offset)
    {
        if (offset >= (ulong)content.Length)
        {
            throw new FormatException("the ELF file ends before one of its strings");
        }

        ReadOnlySpan<byte> rest = content[(int)offset..];
        int end = rest.IndexOf((byte)0);
        return end >= 0 ? Encoding.UTF8.GetString(rest[..end]) : throw new FormatException("a string of the ELF file has no end");
    }

    private static ulong Number(ReadOnlySpan<byte> content, ulong offset, int bytes)
    {
        if (offset > (ulong)content.Length || (ulong)content.Length - offset < (ulong)bytes)
        {
            throw new FormatException("the ELF file is cut short");
        }

        ReadOnlySpan<byte> field = content.Slice((int)offset, bytes);
        return bytes switch
        {
            2 => BinaryPrimitives.ReadUInt16LittleEndian(field),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(field),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(field),
        };
    }

    private static ulong Sum(ulong a, ulong b) => a <= ulong.MaxValue - b ? a + b : throw new FormatException("an offset of the ELF file is out of range");

    private readonly record struct Segment(uint Type, ulong Offset, ulong Address, ulong FileSize);
}
