namespace GridWrapper.SelfTest;

/// <summary>
/// Gathers programs with their libraries. Directory links of the node (/bin → usr/bin) are mirrored in the image, so that every path by which a program or
/// the loader asks for a file works there too.
/// </summary>
internal sealed class ProgramCollector(NodeTree tree, ushort machine)
{
    private static readonly ImmutableArray<string> s_directories = ["/bin", "/usr/bin", "/usr/local/bin", "/run/current-system/sw/bin"];

    private readonly LibraryFinder _finder = new(tree, machine);
    private readonly Dictionary<string, MiniatureEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _imagePathOfSource = new(StringComparer.Ordinal);
    private string? _libraryDirectory;

    internal List<string> Programs { get; } = [];

    internal List<string> Missing { get; } = [];

    internal ImmutableArray<MiniatureEntry> Entries() => [.. _entries.Values];

    /// <summary>Adds the program with all it needs, or nothing but a line in <see cref="Missing"/>.</summary>
    internal async Task AddAsync(string name, CancellationToken ct)
    {
        if (s_directories.Select(d => _finder.TryOpen($"{d}/{name}", LibraryPlace.OwnPath)).FirstOrDefault(p => p is not null) is not { } program)
        {
            Missing.Add($"{name}: no program of that name for this machine in {string.Join(", ", s_directories)}");
            return;
        }

        Dictionary<string, FoundLibrary> libraries = new(StringComparer.Ordinal);
        List<string> notFound = Close(program, libraries, ImmutableDictionary<string, string>.Empty);
        if (notFound.Count > 0 && program.Elf.Interpreter is { } loader)
        {
            // Our search knows only the usual places; the loader knows its own.
            ImmutableDictionary<string, string> listed = await LoaderListing.RunAsync(tree.HostPath(loader), tree.HostPath(program.CanonicalPath), ct);
            notFound = Close(program, libraries, listed);
        }

        if (notFound.Count > 0)
        {
            Missing.Add($"{name}: {program.Path} needs {string.Join(", ", notFound.Order(StringComparer.Ordinal))}, which was not found");
            return;
        }

        foreach (FoundLibrary library in libraries.Values.OrderByDescending(l => IsLibC(l.Path)))
        {
            Place(library);
        }

        PlaceFile(program, InImage("/bin") + "/" + name);
        Programs.Add(name);
    }

    /// <summary>Finds everything the program needs, directly or through its libraries; returns the names that could not be found.</summary>
    private List<string> Close(FoundLibrary program, Dictionary<string, FoundLibrary> libraries, ImmutableDictionary<string, string> listed)
    {
        HashSet<string> notFound = new(StringComparer.Ordinal);
        Queue<FoundLibrary> open = new([program, .. libraries.Values]);
        if (program.Elf.Interpreter is { } interpreter && !libraries.ContainsKey(interpreter))
        {
            Take(interpreter, _finder.TryOpen(interpreter, LibraryPlace.OwnPath));
        }

        while (open.TryDequeue(out FoundLibrary? needing))
        {
            foreach (string name in needing.Elf.Needed.Where(n => !libraries.ContainsKey(n) && !IsInterpreter(n)))
            {
                Take(name, _finder.Find(name, needing.Elf, needing.CanonicalPath)
                    ?? (listed.TryGetValue(name, out string? path) ? _finder.TryOpen(path, LibraryPlace.Configured) : null));
            }
        }

        return [.. notFound];

        // A library that needs the loader by its bare name gets the one that is loaded already.
        bool IsInterpreter(string name) => program.Elf.Interpreter is { } loader && Path.GetFileName(loader) == name;

        void Take(string name, FoundLibrary? found)
        {
            if (found is null)
            {
                notFound.Add(name);
                return;
            }

            libraries.Add(name, found);
            open.Enqueue(found);
        }
    }

    private void Place(FoundLibrary library)
    {
        string directory = Path.GetDirectoryName(library.Path)!;
        string inImage = InImage(directory);
        if (IsLibC(library.Path))
        {
            _libraryDirectory ??= inImage;
        }

        PlaceFile(library, (library.Place == LibraryPlace.Configured ? _libraryDirectory ?? inImage : inImage) + "/" + Path.GetFileName(library.Path));
    }

    /// <summary>The content goes in once; a second name of the same file (busybox, a library found twice) becomes a symbolic link.</summary>
    private void PlaceFile(FoundLibrary file, string imagePath)
    {
        if (_entries.ContainsKey(imagePath))
        {
            return;
        }

        if (_imagePathOfSource.TryGetValue(file.CanonicalPath, out string? first))
        {
            _entries.Add(imagePath, new MiniatureEntry.SymbolicLink(imagePath, Path.GetRelativePath("/" + Path.GetDirectoryName(imagePath), "/" + first)));
            return;
        }

        _entries.Add(imagePath, new MiniatureEntry.RegularFile(imagePath, file.Content, MiniatureEntry.Executable));
        _imagePathOfSource.Add(file.CanonicalPath, imagePath);
    }

    /// <summary>The image's path, without leading slash, of a directory of the node; links on the way become links of the image.</summary>
    private string InImage(string directory)
    {
        string canonical = tree.Resolve(directory, MirrorLink) ?? directory;
        return canonical.TrimStart('/');
    }

    private void MirrorLink(string path, string target)
    {
        string imagePath = path.TrimStart('/');
        string relative = target.StartsWith('/') ? Path.GetRelativePath(Path.GetDirectoryName(path)!, target) : target;
        _entries.TryAdd(imagePath, new MiniatureEntry.SymbolicLink(imagePath, relative));
    }

    private static bool IsLibC(string path) => Path.GetFileName(path) is "libc.so.6";
}
