namespace GridWrapper.SystemTests.Equivalence;

/// <summary>
/// A random stack of layers: files, directories, links, removals, opaque directories, re-creations, changes of type, hard links, odd names. Every directory is named by
/// its layer, as image builders do; what only some builders do (directories left unsaid, links into lower layers) comes on request.
/// </summary>
internal sealed class RandomStack
{
    private const int Depth = 3;

    private static readonly string[] Names =
    [
        "a", "b", "c", "lib", "d e", "x:y", "x,y", "back\\slash", "\u00E9", "\u00FF\u0080", "...", "-n", "new\nline", "tab\t", "wh", ".hidden", "q\"'`$", new string('n', 240),
    ];

    private static readonly int[] FileModes = [0x1A4, 0x1ED, 0x180, 0x124, 0x100, 0x1FF];
    private static readonly int[] DirectoryModes = [0x1ED, 0x1C0, 0x3FF, 0x1FF, 0x16D | 0x80];

    private readonly Random _random;
    private readonly Features _features;

    /// <summary>What is believed to be there below: good enough for choosing what to remove and to replace.</summary>
    private readonly SortedDictionary<string, char> _world = new(StringComparer.Ordinal);

    private RandomStack(int seed, Features features)
    {
        _random = new Random(seed);
        _features = features;
    }

    [Flags]
    internal enum Features
    {
        Usual = 0,

        /// <summary>Directories that no entry names.</summary>
        Implied = 1,

        /// <summary>Hard links to files of lower layers.</summary>
        Borrowed = 2,
    }

    /// <summary>Layers, base first.</summary>
    internal static ImmutableArray<ImmutableArray<StackEntry>> Make(int seed, Features features = Features.Usual)
    {
        RandomStack stack = new(seed, features);
        int layers = 2 + stack._random.Next(5);
        return [.. Enumerable.Range(0, layers).Select(i => stack.Layer(i))];
    }

    private ImmutableArray<StackEntry> Layer(int number)
    {
        SortedDictionary<string, StackEntry> layer = new(StringComparer.Ordinal);
        HashSet<string> markers = [];
        int operations = number == 0 ? 15 : 3 + _random.Next(12);
        for (int i = 0; i < operations; i++)
        {
            switch (number == 0 ? 99 : _random.Next(12))
            {
                case 0 or 1 or 2:
                    Remove(layer, markers);
                    break;
                case 3:
                    MakeOpaque(layer, markers);
                    break;
                default:
                    Add(layer);
                    break;
            }
        }

        foreach (StackEntry entry in layer.Values)
        {
            foreach (string below in _world.Keys.Where(k => entry.Kind != 'd' && k.StartsWith(entry.Path + "/", StringComparison.Ordinal)).ToList())
            {
                _world.Remove(below);
            }

            _world[entry.Path] = entry.Kind;
        }

        List<StackEntry> all = [.. layer.Values.Where(e => e.Kind != 'd' || !_features.HasFlag(Features.Implied) || _random.Next(4) > 0)];
        foreach (string marker in markers)
        {
            // Anywhere behind its directory: archives hold removals first, last or between.
            string parent = marker[..Math.Max(0, marker.LastIndexOf('/'))];
            int after = all.FindIndex(e => e.Path == parent) + 1;
            all.Insert(after + _random.Next(all.Count - after + 1), new StackEntry('f', marker, 0x1A4, Time()));
        }

        return [.. all];
    }

    private void Add(SortedDictionary<string, StackEntry> layer)
    {
        string path = NewPath();
        if (layer.ContainsKey(path) || !NameParents(layer, path) || layer.Keys.Any(k => k.StartsWith(path + "/", StringComparison.Ordinal)))
        {
            return;
        }

        layer[path] = _random.Next(10) switch
        {
            0 or 1 => new StackEntry('d', path, Pick(DirectoryModes), Time()),
            2 => new StackEntry('l', path, 0x1FF, Time(), Pick(["a", "../b", "/lib", "nowhere", "./c/d e", "/"])),
            3 => HardLink(layer, path),
            4 when _random.Next(3) == 0 => new StackEntry('p', path, 0x1A4, Time()),
            _ => File(path),
        };
    }

    private StackEntry HardLink(SortedDictionary<string, StackEntry> layer, string path)
    {
        string[] own = [.. layer.Values.Where(e => e.Kind == 'f' && string.CompareOrdinal(e.Path, path) < 0).Select(e => e.Path)];
        string[] lower = _features.HasFlag(Features.Borrowed) ? [.. _world.Where(w => w.Value == 'f' && !layer.ContainsKey(w.Key)).Select(w => w.Key)] : [];
        string[] targets = [.. own, .. lower];
        return targets.Length == 0 ? File(path) : new StackEntry('h', path, 0x1A4, Time(), Pick(targets));
    }

    private StackEntry File(string path) =>
        new('f', path, Pick(FileModes), Time(), new string((char)('A' + _random.Next(26)), _random.Next(4) == 0 ? 70_000 : 1 + _random.Next(40)));

    private void Remove(SortedDictionary<string, StackEntry> layer, HashSet<string> markers)
    {
        string path = _world.Count > 0 && _random.Next(8) > 0 ? Pick([.. _world.Keys]) : NewPath();
        if (path.LastIndexOf('/') + 1 is var name && Encoding.Latin1.GetByteCount(path[name..]) <= 250 && NameParents(layer, path))
        {
            markers.Add(path[..name] + ".wh." + path[name..]);
        }
    }

    private void MakeOpaque(SortedDictionary<string, StackEntry> layer, HashSet<string> markers)
    {
        string[] directories = [.. _world.Where(w => w.Value == 'd').Select(w => w.Key)];
        if (directories.Length == 0)
        {
            return;
        }

        string path = _random.Next(30) == 0 ? "" : Pick(directories);
        if (path.Length == 0 || NameParents(layer, path + "/x"))
        {
            markers.Add(path.Length == 0 ? ".wh..wh..opq" : path + "/.wh..wh..opq");
        }
    }

    /// <summary>Gives all directories above a path an entry of this layer; false if one of them is something else in it.</summary>
    private bool NameParents(SortedDictionary<string, StackEntry> layer, string path)
    {
        string[] parents = [.. Enumerable.Range(0, path.Length).Where(i => path[i] == '/').Select(i => path[..i])];
        if (parents.Any(p => layer.TryGetValue(p, out StackEntry? there) && there.Kind != 'd'))
        {
            return false;
        }

        foreach (string parent in parents)
        {
            layer.TryAdd(parent, new StackEntry('d', parent, Pick(DirectoryModes), Time()));
        }

        return true;
    }

    private string NewPath() => string.Join('/', Enumerable.Range(0, 1 + _random.Next(Depth)).Select(_ => Pick(Names)));

    private long Time() => 1_000_000_000 + _random.Next(600_000_000);

    private T Pick<T>(T[] from) => from[_random.Next(from.Length)];
}
