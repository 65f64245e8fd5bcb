using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>The name of an entry of an archive, normalised and cut in two: by the rules and with the words of <see cref="EntryPath"/>, and in most cases without making anything.</summary>
internal readonly ref struct EntryName
{
    private EntryName(ReadOnlySpan<byte> path)
    {
        int slash = path.LastIndexOf((byte)'/');
        Parent = slash < 0 ? [] : path[..slash];
        Last = path[(slash + 1)..];
        Path = path;
    }

    /// <summary>Empty for the root.</summary>
    internal ReadOnlySpan<byte> Path { get; }

    internal ReadOnlySpan<byte> Parent { get; }

    internal ReadOnlySpan<byte> Last { get; }

    internal bool IsRoot => Path.IsEmpty;

    /// <exception cref="InvalidDataException">No name that a layer may hold.</exception>
    internal static EntryName Parse(byte[] raw)
    {
        ReadOnlySpan<byte> plain = raw.AsSpan().StartsWith("./"u8) ? raw.AsSpan(2) : raw;
        plain = plain is [.., (byte)'/'] ? plain[..^1] : plain;
        return IsPlain(plain) ? new EntryName(plain)
            : EntryPath.TryParse(raw, out EntryPath path, out string fault) ? new EntryName(Encoding.Latin1.GetBytes(path.Latin1))
            : throw new InvalidDataException($"the entry '{EntryPath.ForPeople(raw)}' is refused: {fault}");
    }

    /// <summary>Short, and with nothing in it that has to be looked at closely.</summary>
    private static bool IsPlain(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and < EntryPath.MaxNameBytes
        && name[0] is not ((byte)'/' or (byte)'.') && name[^1] != (byte)'/'
        && name.IndexOf("//"u8) < 0 && name.IndexOf("/."u8) < 0 && !name.Contains((byte)0);
}
