using System.Runtime.InteropServices;

namespace GridWrapper.Serving;

/// <summary>What stat(2) tells of one node of a <see cref="NodeTable"/>, and where its content is. Laid out so that tables can be written and read as they lie in memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Node
{
    /// <summary>Content of a regular file: what its <see cref="FileSource"/> knows it by. Of a symbolic link: where its target begins in the table's text.</summary>
    internal long Data;

    /// <summary>Bytes of a file or of a link's target; 0 for others.</summary>
    internal long Size;

    /// <summary>Time of modification, seconds since 1970.</summary>
    internal long Seconds;

    internal int Nanoseconds;

    /// <summary>Type and permissions as st_mode has them.</summary>
    internal uint Mode;

    /// <summary>Names that lead here; not kept for directories.</summary>
    internal int Links;

    /// <summary>Number of the source that has the content of a regular file.</summary>
    internal int Source;

    /// <summary>Of a directory: the directory it is in; the root is its own.</summary>
    internal int Parent;

    /// <summary>Of a directory: its first and last entry, -1 for none.</summary>
    internal int FirstEntry;
    internal int LastEntry;

    private readonly int _reserved;
}
