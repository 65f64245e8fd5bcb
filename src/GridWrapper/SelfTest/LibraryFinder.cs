namespace GridWrapper.SelfTest;

/// <summary>
/// Finds a shared library as the dynamic loader would, without asking it: the needing file's own search path, then the standard directories, then those
/// of /etc/ld.so.conf. A library for another machine is passed over.
/// </summary>
internal sealed class LibraryFinder(NodeTree tree, ushort machine)
{
    private static readonly ImmutableArray<string> s_x64Directories =
        ["/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"];

    private static readonly ImmutableArray<string> s_arm64Directories =
        ["/lib64", "/usr/lib64", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib", "/usr/lib"];

    private readonly Dictionary<string, FoundLibrary?> _opened = new(StringComparer.Ordinal);
    private ImmutableArray<string>? _configured;

    /// <summary>Where the library was found; null if nowhere.</summary>
    /// <param name="needed">A DT_NEEDED entry: a bare name, or a path.</param>
    /// <param name="needing">The file that needs it.</param>
    /// <param name="needingPath">Canonical path of that file, for $ORIGIN.</param>
    internal FoundLibrary? Find(string needed, ElfFile needing, string needingPath)
    {
        if (needed.Contains('/', StringComparison.Ordinal))
        {
            return needed.StartsWith('/') ? TryOpen(needed, LibraryPlace.OwnPath) : null;
        }

        return needing.SearchPath.Select(d => TryOpen($"{Expand(d, needingPath)}/{needed}", LibraryPlace.OwnPath)).FirstOrDefault(f => f is not null)
            ?? StandardDirectories.Select(d => TryOpen($"{d}/{needed}", LibraryPlace.Standard)).FirstOrDefault(f => f is not null)
            ?? (_configured ??= ReadConfiguration()).Select(d => TryOpen($"{d}/{needed}", LibraryPlace.Configured)).FirstOrDefault(f => f is not null);
    }

    /// <summary>Opens one candidate; null if it is missing or not for this machine.</summary>
    internal FoundLibrary? TryOpen(string path, LibraryPlace place)
    {
        if (!_opened.TryGetValue(path, out FoundLibrary? file))
        {
            _opened.Add(path, file = Open(path, place));
        }

        return file is null ? null : file with { Place = place };
    }

    private FoundLibrary? Open(string path, LibraryPlace place)
    {
        if (!path.StartsWith('/') || tree.Resolve(path) is not { } canonical || tree.Read(canonical) is not { } content)
        {
            return null;
        }

        return ElfFile.TryParse(content, out ElfFile? elf, out _) && elf!.Machine == machine ? new FoundLibrary(path, canonical, place, content, elf) : null;
    }

    private ImmutableArray<string> StandardDirectories => machine == ElfFile.Aarch64 ? s_arm64Directories : s_x64Directories;

    private static string Expand(string directory, string needingPath)
    {
        string origin = Path.GetDirectoryName(needingPath) ?? "/";
        return directory.Replace("${ORIGIN}", origin, StringComparison.Ordinal).Replace("$ORIGIN", origin, StringComparison.Ordinal);
    }

    private ImmutableArray<string> ReadConfiguration()
    {
        ImmutableArray<string>.Builder directories = ImmutableArray.CreateBuilder<string>();
        ReadConfiguration("/etc/ld.so.conf", directories, depth: 0);
        return directories.DrainToImmutable();
    }

    private void ReadConfiguration(string file, ImmutableArray<string>.Builder directories, int depth)
    {
        const int DeepestInclude = 4;
        const string Include = "include ";
        if (depth > DeepestInclude || tree.Resolve(file) is not { } canonical || tree.Read(canonical) is not { } content)
        {
            return;
        }

        foreach (string raw in Encoding.UTF8.GetString(content).Split('\n'))
        {
            string line = raw.Split('#')[0].Trim();
            if (line.StartsWith(Include, StringComparison.Ordinal))
            {
                string pattern = line[Include.Length..].Trim();
                foreach (string included in Match(pattern.StartsWith('/') ? pattern : "/etc/" + pattern))
                {
                    ReadConfiguration(included, directories, depth + 1);
                }
            }
            else if (line.StartsWith('/'))
            {
                directories.Add(line.TrimEnd('/'));
            }
        }
    }

    /// <summary>A pattern with one star in its last component, which is what distributions write.</summary>
    private ImmutableArray<string> Match(string pattern)
    {
        int slash = pattern.LastIndexOf('/');
        string directory = pattern[..slash];
        string name = pattern[(slash + 1)..];
        int star = name.IndexOf('*', StringComparison.Ordinal);
        if (star < 0)
        {
            return [pattern];
        }

        string before = name[..star], after = name[(star + 1)..];
        return [.. tree.List(directory)
            .Where(n => n.Length >= pattern.Length - slash - 2)
            .Where(n => n.StartsWith(before, StringComparison.Ordinal) && n.EndsWith(after, StringComparison.Ordinal))
            .Select(n => $"{directory}/{n}")];
    }
}
