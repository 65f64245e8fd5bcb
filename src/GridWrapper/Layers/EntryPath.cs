namespace GridWrapper.Layers;

/// <summary>
/// A relative path inside a layer: bytes, normalised, without "." or "..". The bytes are kept one per char (Latin-1), which loses nothing,
/// compares by bytes and can be stored as JSON; the text is never given to the BCL's file functions. The default value is the root.
/// </summary>
internal readonly record struct EntryPath : IComparable<EntryPath>
{
    /// <summary>Linux's NAME_MAX.</summary>
    internal const int MaxNameBytes = 255;

    /// <summary>Linux's PATH_MAX less the NUL.</summary>
    internal const int MaxPathBytes = 4095;

    /// <summary>Directories are walked with one open descriptor per level; no image is as deep as this.</summary>
    internal const int MaxDepth = 256;

    private readonly string? _latin1;

    private EntryPath(string latin1) => _latin1 = latin1;

    internal static EntryPath Root => default;

    /// <summary>The bytes, one per char, components separated by '/'; empty for the root.</summary>
    internal string Latin1 => _latin1 ?? "";

    internal bool IsRoot => Latin1.Length == 0;

    internal EntryPath Parent => new(Latin1[..Math.Max(Latin1.LastIndexOf('/'), 0)]);

    /// <summary>Bytes of the last component.</summary>
    internal byte[] Name => Encoding.Latin1.GetBytes(Latin1[(Latin1.LastIndexOf('/') + 1)..]);

    internal int Depth => IsRoot ? 0 : Latin1.Count(c => c == '/') + 1;

    /// <summary>Components as one char per byte.</summary>
    internal string[] Components => IsRoot ? [] : Latin1.Split('/');

    /// <summary>By bytes; the default value and an empty text are both the root.</summary>
    public bool Equals(EntryPath other) => Latin1 == other.Latin1;

    public override int GetHashCode() => Latin1.GetHashCode(StringComparison.Ordinal);

    public int CompareTo(EntryPath other) => string.CompareOrdinal(Latin1, other.Latin1);

    public static bool operator <(EntryPath left, EntryPath right) => left.CompareTo(right) < 0;

    public static bool operator >(EntryPath left, EntryPath right) => left.CompareTo(right) > 0;

    public static bool operator <=(EntryPath left, EntryPath right) => left.CompareTo(right) <= 0;

    public static bool operator >=(EntryPath left, EntryPath right) => left.CompareTo(right) >= 0;

    /// <summary>
    /// Takes a name as an archive holds it. Leading slashes are dropped and "." components too; ".." is refused wherever it stands,
    /// because no honest layer needs it.
    /// </summary>
    internal static bool TryParse(ReadOnlySpan<byte> raw, out EntryPath path, out string fault)
    {
        if (IsPlain(raw))
        {
            path = new EntryPath(Encoding.Latin1.GetString(raw));
            fault = "";
            return true;
        }

        path = default;
        fault = raw.Contains((byte)0) ? "it holds a NUL byte" : raw.Length > MaxPathBytes ? $"it is longer than {MaxPathBytes} bytes" : "";
        var kept = new List<string>();
        foreach (string component in fault.Length == 0 ? Encoding.Latin1.GetString(raw).Split('/') : [])
        {
            if (component == "..")
            {
                fault = "it climbs out with '..'";
            }
            else if (component.Length > MaxNameBytes)
            {
                fault = $"one component is longer than {MaxNameBytes} bytes";
            }
            else if (component is not ("" or "."))
            {
                kept.Add(component);
            }
        }

        fault = kept.Count > MaxDepth ? $"it is deeper than {MaxDepth} levels" : fault;
        path = fault.Length == 0 ? new EntryPath(string.Join('/', kept)) : default;
        return fault.Length == 0;
    }

    /// <summary>Most names: short, and with nothing in them that has to be looked at closely. A trailing slash is only found on directories.</summary>
    private static bool IsPlain(ReadOnlySpan<byte> raw) =>
        raw.Length is > 0 and < MaxNameBytes
        && raw[0] is not ((byte)'/' or (byte)'.') && raw[^1] != (byte)'/'
        && raw.IndexOf("//"u8) < 0 && raw.IndexOf("/."u8) < 0 && !raw.Contains((byte)0) && raw.Count((byte)'/') < MaxDepth;

    /// <summary>A path that this program wrote itself (an index); the same rules hold.</summary>
    /// <exception cref="InvalidDataException">The text is not a normalised path.</exception>
    internal static EntryPath FromLatin1(string text) =>
        TryParse(Encoding.Latin1.GetBytes(text), out EntryPath path, out string fault) ? path : throw new InvalidDataException($"'{text}' is not an entry path: {fault}");

    internal EntryPath Child(string latin1Name) => new(IsRoot ? latin1Name : Latin1 + "/" + latin1Name);

    internal bool IsBelow(EntryPath ancestor) =>
        ancestor.IsRoot ? !IsRoot : Latin1.Length > ancestor.Latin1.Length && Latin1[ancestor.Latin1.Length] == '/' && Latin1.StartsWith(ancestor.Latin1, StringComparison.Ordinal);

    /// <summary>For people: UTF-8 where it is, cut and made harmless.</summary>
    public override string ToString() => ForPeople(Encoding.Latin1.GetBytes(Latin1));

    /// <summary>Any bytes of an archive made fit for a message.</summary>
    internal static string ForPeople(ReadOnlySpan<byte> bytes) => Diagnostics.Quoted.Clean(Encoding.UTF8.GetString(bytes));
}
