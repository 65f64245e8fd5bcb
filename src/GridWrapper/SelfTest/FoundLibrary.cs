namespace GridWrapper.SelfTest;

/// <summary>A shared library of this node.</summary>
/// <param name="Path">The path as searched, links and all: the name by which the loader asks for it.</param>
/// <param name="CanonicalPath">The same with all links followed.</param>
/// <param name="Place">How it was found, which decides where it must lie in the image.</param>
/// <param name="Content">Its bytes.</param>
/// <param name="Elf">Its headers.</param>
internal sealed record FoundLibrary(string Path, string CanonicalPath, LibraryPlace Place, ReadOnlyMemory<byte> Content, ElfFile Elf);

internal enum LibraryPlace
{
    /// <summary>Named by path or by the needing file's own search path: must keep its path.</summary>
    OwnPath,

    /// <summary>In a directory that the loader knows by itself: must keep its path.</summary>
    Standard,

    /// <summary>Found through the loader's configuration, which the image does not have: must lie beside the C library.</summary>
    Configured,
}
