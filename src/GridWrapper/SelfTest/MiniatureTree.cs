namespace GridWrapper.SelfTest;

/// <summary>Layers put on top of each other, and the result written to disk. Only for content made by this room: paths are trusted.</summary>
internal static class MiniatureTree
{
    private const string Prefix = ".wh.";
    private const string OpaqueName = ".wh..wh..opq";

    /// <summary>The entries of the merged tree, sorted, without whiteouts; hard links are files of their own.</summary>
    internal static ImmutableArray<MiniatureEntry> Flatten(IEnumerable<MiniatureLayer> layers)
    {
        SortedDictionary<string, MiniatureEntry> merged = new(StringComparer.Ordinal);
        foreach (MiniatureLayer layer in layers)
        {
            foreach (MiniatureEntry entry in layer.Entries)
            {
                Hide(merged, entry.Path);
            }

            foreach (MiniatureEntry entry in Independent(layer.Entries).Where(e => !Path.GetFileName(e.Path).StartsWith(Prefix, StringComparison.Ordinal)))
            {
                // Here no layer changes a directory of a lower one; the one that stated its mode explicitly came first.
                if (!(entry is MiniatureEntry.Folder && merged.GetValueOrDefault(entry.Path) is MiniatureEntry.Folder))
                {
                    merged[entry.Path] = entry;
                }
            }
        }

        return [.. merged.Values];
    }

    /// <summary>The entries with hard links turned into files of the same content and mode.</summary>
    internal static IEnumerable<MiniatureEntry> Independent(ImmutableArray<MiniatureEntry> entries)
    {
        Dictionary<string, MiniatureEntry.RegularFile> files =
            entries.OfType<MiniatureEntry.RegularFile>().ToDictionary(f => f.Path, StringComparer.Ordinal);
        return entries.Select(e => e is MiniatureEntry.HardLink link ? files[link.Existing] with { Path = link.Path } : e);
    }

    /// <summary>Writes the entries below an existing directory; modes as given, whatever the umask.</summary>
    /// <param name="entries">Parents before children.</param>
    /// <param name="directory">Where to.</param>
    /// <param name="mode">What becomes of a mode; null leaves it.</param>
    internal static void Write(IEnumerable<MiniatureEntry> entries, string directory, Func<MiniatureEntry, UnixFileMode, UnixFileMode>? mode = null)
    {
        foreach (MiniatureEntry entry in entries)
        {
            string path = Path.Combine(directory, entry.Path);
            switch (entry)
            {
                case MiniatureEntry.Folder folder:
                    Directory.CreateDirectory(path);
                    File.SetUnixFileMode(path, mode?.Invoke(entry, folder.Mode) ?? folder.Mode);
                    break;
                case MiniatureEntry.RegularFile file:
                    WriteFile(path, file.Content.Span);
                    File.SetUnixFileMode(path, mode?.Invoke(entry, file.Mode) ?? file.Mode);
                    break;
                case MiniatureEntry.SymbolicLink link:
                    File.CreateSymbolicLink(path, link.Target);
                    break;
                default:
                    throw new System.Diagnostics.UnreachableException();
            }
        }
    }

    internal static void WriteFile(string path, ReadOnlySpan<byte> content)
    {
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write);
        file.Write(content);
    }

    private static void Hide(SortedDictionary<string, MiniatureEntry> merged, string path)
    {
        string name = Path.GetFileName(path);
        string parent = Path.GetDirectoryName(path) ?? "";
        if (name == OpaqueName)
        {
            RemoveBelow(merged, parent);
        }
        else if (name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            string hidden = Path.Combine(parent, name[Prefix.Length..]);
            RemoveBelow(merged, hidden);
            merged.Remove(hidden);
        }
    }

    private static void RemoveBelow(SortedDictionary<string, MiniatureEntry> merged, string directory)
    {
        foreach (string below in merged.Keys.Where(k => k.StartsWith(directory + "/", StringComparison.Ordinal)).ToList())
        {
            merged.Remove(below);
        }
    }
}
