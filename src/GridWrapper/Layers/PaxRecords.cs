using System.Buffers.Text;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>The records of a PAX extended header that matter here ("LENGTH KEY=VALUE\n" each).</summary>
internal sealed class PaxRecords
{
    private const string XattrPrefix = "SCHILY.xattr.";
    private readonly List<SparseSegment> _sparse = [];
    private readonly List<(string Name, byte[] Value)> _xattrs = [];
    private long? _pendingOffset;

    internal byte[]? Path { get; private set; }

    internal byte[]? LinkPath { get; private set; }

    internal long? Size { get; private set; }

    internal FileTime? Modified { get; private set; }

    internal ImmutableArray<(string Name, byte[] Value)> Xattrs => [.. _xattrs];

    internal bool IsSparse { get; private set; }

    /// <summary>GNU.sparse.major 1: the map stands before the data.</summary>
    internal bool SparseMapInData { get; private set; }

    internal byte[]? SparseName { get; private set; }

    internal long? SparseRealSize { get; private set; }

    /// <summary>Map of the formats 0.0 and 0.1.</summary>
    internal ImmutableArray<SparseSegment> SparseMap => [.. _sparse];

    /// <exception cref="InvalidDataException">The header is not a list of records.</exception>
    internal static PaxRecords Parse(ReadOnlySpan<byte> text)
    {
        var records = new PaxRecords();
        while (!text.IsEmpty && text[0] != 0)
        {
            bool sized = Utf8Parser.TryParse(text, out int length, out int digits) && digits < text.Length && text[digits] == ' ' && length > digits + 1 && length <= text.Length;
            ReadOnlySpan<byte> record = sized ? text[(digits + 1)..length] : [];
            int equals = record.IndexOf((byte)'=');
            if (equals <= 0 || record[^1] != '\n')
            {
                throw new InvalidDataException("a PAX header is not a list of 'LENGTH KEY=VALUE' lines");
            }

            records.Take(Encoding.UTF8.GetString(record[..equals]), record[(equals + 1)..^1]);
            text = text[length..];
        }

        return records;
    }

    private void Take(string key, ReadOnlySpan<byte> value)
    {
        switch (key)
        {
            case "path":
                Path = value.ToArray();
                break;
            case "linkpath":
                LinkPath = value.ToArray();
                break;
            case "size":
                Size = Number(value);
                break;
            case "mtime":
                Modified = Time(value);
                break;
            default:
                if (key.StartsWith(XattrPrefix, StringComparison.Ordinal))
                {
                    _xattrs.Add((key[XattrPrefix.Length..], value.ToArray()));
                }
                else if (key.StartsWith("GNU.sparse.", StringComparison.Ordinal))
                {
                    TakeSparse(key["GNU.sparse.".Length..], value);
                }

                break;
        }
    }

    private void TakeSparse(string key, ReadOnlySpan<byte> value)
    {
        IsSparse = true;
        switch (key)
        {
            case "major":
                SparseMapInData = Number(value) == 1;
                break;
            case "name":
                SparseName = value.ToArray();
                break;
            case "realsize" or "size":
                SparseRealSize = Number(value);
                break;
            case "offset":
                _pendingOffset = Number(value);
                break;
            case "numbytes":
                _sparse.Add(new SparseSegment(_pendingOffset ?? throw new InvalidDataException("a sparse map has a length without an offset"), Number(value)));
                _pendingOffset = null;
                break;
            case "map":
                TakeMap(Encoding.ASCII.GetString(value));
                break;
        }
    }

    private void TakeMap(string text)
    {
        string[] numbers = text.Length == 0 ? [] : text.Split(',');
        for (int i = 0; i < numbers.Length; i += 2)
        {
            string length = i + 1 < numbers.Length ? numbers[i + 1] : "missing";
            _sparse.Add(new SparseSegment(Number(Encoding.ASCII.GetBytes(numbers[i])), Number(Encoding.ASCII.GetBytes(length))));
        }
    }

    internal static long Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out long value, out int used) && used == text.Length && value >= 0
            ? value
            : throw new InvalidDataException($"a PAX header holds '{EntryPath.ForPeople(text)}' where a number belongs");

    /// <summary>Seconds with an optional fraction; negative times are before 1970.</summary>
    private static FileTime Time(ReadOnlySpan<byte> text)
    {
        int dot = text.IndexOf((byte)'.');
        ReadOnlySpan<byte> whole = dot < 0 ? text : text[..dot];
        if (!Utf8Parser.TryParse(whole, out long seconds, out int used) || used != whole.Length)
        {
            throw new InvalidDataException($"a PAX header holds '{EntryPath.ForPeople(text)}' where a time belongs");
        }

        long nanoseconds = 0;
        for (int i = 0; i < 9; i++)
        {
            int at = dot + 1 + i;
            bool digit = dot >= 0 && at < text.Length && char.IsAsciiDigit((char)text[at]);
            nanoseconds = (nanoseconds * 10) + (digit ? text[at] - '0' : 0);
        }

        return new FileTime(seconds, nanoseconds);
    }
}
