namespace GridWrapper.SelfTest;

/// <summary>One entry of a miniature layer.</summary>
/// <param name="Path">Relative to the image's root, no leading slash. A name that begins with ".wh." is a whiteout (OCI image-spec, layer.md).</param>
internal abstract record MiniatureEntry(string Path)
{
    private const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>0755.</summary>
    internal const UnixFileMode Executable = ReadableByAll | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>0700.</summary>
    internal const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>1777.</summary>
    internal const UnixFileMode Temporary = Executable | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite | UnixFileMode.StickyBit;

    internal sealed record Folder(string Path, UnixFileMode Mode = Executable) : MiniatureEntry(Path);

    internal sealed record RegularFile(string Path, ReadOnlyMemory<byte> Content, UnixFileMode Mode = ReadableByAll) : MiniatureEntry(Path);

    internal sealed record SymbolicLink(string Path, string Target) : MiniatureEntry(Path);

    /// <summary>Another name of a file of the same layer.</summary>
    internal sealed record HardLink(string Path, string Existing) : MiniatureEntry(Path);

    internal static RegularFile Text(string path, string content, UnixFileMode mode = ReadableByAll) => new(path, Encoding.UTF8.GetBytes(content), mode);

    internal static RegularFile Whiteout(string path)
    {
        int name = path.LastIndexOf('/') + 1;
        return Text($"{path[..name]}.wh.{path[name..]}", "");
    }

    internal static RegularFile Opaque(string directory) => Text($"{directory}/.wh..wh..opq", "");
}
