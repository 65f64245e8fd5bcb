using System.Buffers;
using System.Text.Unicode;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>
/// Lines of a layer's index, one for each file: TYPE MODE SIZE SECONDS.NANOSECONDS SHA256 PATH [TARGET]. Types: f file, d directory, l symbolic link,
/// h hard link, s special file, x "what stood here before is gone, with all below it". A later line about a path replaces an earlier one.
/// Bytes of names that are not printable ASCII, and '%', are written %XX; the root is ".". A digest that does not apply is "-".
/// </summary>
internal sealed class IndexLines
{
    /// <summary>With the number of the store's layout: an index of another form lies in another store.</summary>
    internal static readonly string Header = string.Create(CultureInfo.InvariantCulture, $"gridwrap-layer-index {CacheDirectory.CurrentLayout}\n");
    private static readonly SearchValues<char> Plain = SearchValues.Create("!\"#$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    /// <summary>One buffer for all lines: an index of a hundred thousand files must not leave as many texts behind.</summary>
    private byte[] _bytes = new byte[4096];

    internal int Length { get; private set; }

    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    internal void Clear() => Length = 0;

    /// <param name="sha256">Of regular files; empty for none.</param>
    internal void Add(in IndexEntry entry, ReadOnlySpan<byte> sha256)
    {
        const int NumbersAndDigest = 160;
        int most = NumbersAndDigest + (3 * (entry.Path.Latin1.Length + (entry.Target?.Length ?? 0)));
        if (_bytes.Length - Length < most)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + most));
        }

        Utf8.TryWrite(_bytes.AsSpan(Length), CultureInfo.InvariantCulture, $"{entry.Type} ", out int written);
        Length += written;
        Octal(entry.Mode);
        Utf8.TryWrite(_bytes.AsSpan(Length), CultureInfo.InvariantCulture, $" {entry.SizeBytes} {entry.Modified.Seconds}.{entry.Modified.Nanoseconds:D9} ", out written);
        Length += written;
        if (!Convert.TryToHexStringLower(sha256, _bytes.AsSpan(Length), out written) || written == 0)
        {
            _bytes[Length] = (byte)'-';
            written = 1;
        }

        Length += written;
        Word(entry.Path.IsRoot ? "." : entry.Path.Latin1);
        if (entry.Target is { } target)
        {
            Word(target);
        }

        _bytes[Length++] = (byte)'\n';
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

    private void Octal(uint mode)
    {
        Span<byte> digits = stackalloc byte[11];
        int at = digits.Length;
        do
        {
            digits[--at] = (byte)('0' + (mode & 7));
            mode >>= 3;
        }
        while (mode != 0);
        digits[at..].CopyTo(_bytes.AsSpan(Length));
        Length += digits.Length - at;
    }

    private void Word(string latin1)
    {
        _bytes[Length++] = (byte)' ';
        if (latin1.AsSpan().IndexOfAnyExcept(Plain) < 0)
        {
            Length += Encoding.Latin1.GetBytes(latin1, _bytes.AsSpan(Length));
            return;
        }

        foreach (char c in latin1)
        {
            if (Plain.Contains(c))
            {
                _bytes[Length++] = (byte)c;
            }
            else
            {
                Utf8.TryWrite(_bytes.AsSpan(Length), CultureInfo.InvariantCulture, $"%{(int)c:X2}", out int written);
                Length += written;
            }
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
