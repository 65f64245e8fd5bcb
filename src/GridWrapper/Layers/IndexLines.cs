using System.Buffers;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>
/// Lines of a layer's index, one for each file: TYPE MODE SIZE SECONDS.NANOSECONDS SHA256 PATH [TARGET]. Types: f file, d directory, l symbolic link,
/// h hard link, s special file, x "what stood here before is gone, with all below it". A later line about a path replaces an earlier one.
/// Bytes of names that are not printable ASCII, and '%', are written %XX; the root is ".". A digest that does not apply is "-".
/// </summary>
internal sealed class IndexLines
{
    internal const string Header = "gridwrap-layer-index 1\n";
    private static readonly SearchValues<char> Plain = SearchValues.Create("!\"#$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~");
    private readonly StringBuilder _text = new();

    internal int Length => _text.Length;

    internal void Add(in IndexEntry entry)
    {
        _text.Append(CultureInfo.InvariantCulture, $"{entry.Type} {Convert.ToString(entry.Mode, 8)} {entry.SizeBytes} {entry.Modified.Seconds}.{entry.Modified.Nanoseconds:D9} ");
        _text.Append(entry.Sha256 ?? "-").Append(' ');
        Escape(entry.Path.IsRoot ? "." : entry.Path.Latin1);
        if (entry.Target is { } target)
        {
            _text.Append(' ');
            Escape(target);
        }

        _text.Append('\n');
    }

    /// <summary>The lines so far as bytes; the text is empty then.</summary>
    internal byte[] TakeBytes()
    {
        byte[] bytes = Encoding.ASCII.GetBytes(_text.ToString());
        _text.Clear();
        return bytes;
    }

    /// <exception cref="InvalidDataException">Not a line of an index.</exception>
    internal static IndexEntry Parse(string line)
    {
        string[] words = line.Split(' ');
        string[] time = words.Length is 6 or 7 ? words[3].Split('.') : [];
        try
        {
            return words.Length is 6 or 7 && words[0].Length == 1 && time.Length == 2
                ? new IndexEntry
                {
                    Type = words[0][0],
                    Mode = Convert.ToUInt32(words[1], 8),
                    SizeBytes = long.Parse(words[2], CultureInfo.InvariantCulture),
                    Modified = new FileTime(long.Parse(time[0], CultureInfo.InvariantCulture), long.Parse(time[1], CultureInfo.InvariantCulture)),
                    Sha256 = words[4] == "-" ? null : words[4],
                    Path = EntryPath.FromLatin1(Unescape(words[5])),
                    Target = words.Length == 7 ? Unescape(words[6]) : null,
                }
                : throw new InvalidDataException($"'{line}' is not a line of a layer index");
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new InvalidDataException($"'{line}' is not a line of a layer index: {e.Message}", e);
        }
    }

    private void Escape(string latin1)
    {
        if (latin1.AsSpan().IndexOfAnyExcept(Plain) < 0)
        {
            _text.Append(latin1);
            return;
        }

        foreach (char c in latin1)
        {
            _ = Plain.Contains(c) ? _text.Append(c) : _text.Append(CultureInfo.InvariantCulture, $"%{(int)c:X2}");
        }
    }

    private static string Unescape(string text)
    {
        var latin1 = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            bool escaped = text[i] == '%';
            latin1.Append(!escaped ? text[i] : i + 2 < text.Length ? (char)Convert.ToByte(text.Substring(i + 1, 2), 16) : throw new FormatException($"'{text}' ends in the middle of an escape"));
            i += escaped ? 2 : 0;
        }

        return latin1.ToString();
    }
}

/// <summary>What one line of a layer's index says.</summary>
internal readonly record struct IndexEntry
{
    public required char Type { get; init; }

    public required EntryPath Path { get; init; }

    public uint Mode { get; init; }

    public long SizeBytes { get; init; }

    public FileTime Modified { get; init; }

    /// <summary>Lower-case hexadecimal; of regular files only.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Of links, one char per byte.</summary>
    public string? Target { get; init; }
}
