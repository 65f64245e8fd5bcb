using System.Runtime.InteropServices;

namespace GridWrapper.Serving;

/// <summary>One name in a directory of a <see cref="NodeTable"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TreeEntry
{
    /// <summary>Node of the directory it is in.</summary>
    internal int Directory;

    /// <summary>The name, in the table's text.</summary>
    internal int NameStart;
    internal int NameLength;

    /// <summary>What it leads to; -1 when the name was removed.</summary>
    internal int Node;

    /// <summary>The next entry of the directory, -1 for none.</summary>
    internal int Next;
}
