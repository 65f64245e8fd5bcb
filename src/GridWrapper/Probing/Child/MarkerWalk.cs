using System.Collections.Concurrent;
using System.Diagnostics;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Probing;

/// <summary>
/// Walks a layer as CVMFS holds it and finds what an overlay mount would misunderstand: whiteouts as ordinary files (".wh.NAME"), the marks of opaque directories,
/// the catalog marks of CVMFS itself; and what a single ordinary user cannot read. Paths are said one char per byte.
/// </summary>
internal sealed class MarkerWalk
{
    private const string Prefix = ".wh.";
    private const string OpaqueName = ".wh..wh..opq";
    private const string ReservedPrefix = ".wh..wh.";
    private const uint OtherRead = 0x4;
    private const uint OwnerRead = 0x100;
    private const uint AnyExecute = 0x49;
    private const int Threads = 4;
    private const int MaxDepth = 256;
    private const int MaxNamed = 100;
    private const int MaxMarkers = 5000;
    private const int EntriesPerStep = 1000;

    private readonly SafeFileHandle _root;
    private readonly Limits _limits;
    private readonly ProbeOutput _output;
    private readonly uint _uid = Libc.GetUid();
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly BlockingCollection<string> _ahead = [];
    private readonly ConcurrentDictionary<string, FileStat> _directories = new(StringComparer.Ordinal);
    private readonly ConcurrentBag<(char Kind, string Path)> _marks = [];
    private readonly ConcurrentBag<string> _unreadable = [];
    private string? _bad;
    private int _pending = 1;
    private int _entries;

    private MarkerWalk(SafeFileHandle root, Limits limits, ProbeOutput output)
    {
        _root = root;
        _limits = limits;
        _output = output;
    }

    /// <summary>One layer after the other; the records of each have its number before them, and "done" ends them.</summary>
    /// <param name="trees">Absolute paths of layerfs directories.</param>
    internal static void Run(ReadOnlySpan<string> trees, Limits limits, ProbeOutput output)
    {
        for (int i = 0; i < trees.Length; i++)
        {
            output.Step(i == 0 ? "open" : "walk");
            ProbeOutput.Numbered own = new(output, i);
            try
            {
                using SafeFileHandle root = At.OpenDirectory(trees[i]);
                own.Step("walk");
                new MarkerWalk(root, limits, own).Walk();
            }
            catch (LinuxException e)
            {
                own.Say("bad", $"opening it: {e.ErrnoName}");
            }

            own.Say("done", 1);
        }
    }

    private void Walk()
    {
        _ahead.Add("");
        Task[] workers = [.. Enumerable.Range(0, Threads).Select(_ => Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WaitAll(workers, CancellationToken.None);
        _output.Say("entries", _entries);
        _output.Say("bad", _bad ?? "");
        if (_bad is null)
        {
            SayMarks();
        }
    }

    private void Work()
    {
        foreach (string directory in _ahead.GetConsumingEnumerable())
        {
            if (_bad is null)
            {
                LookIn(directory);
            }

            if (Interlocked.Decrement(ref _pending) == 0)
            {
                _ahead.CompleteAdding();
            }
        }
    }

    private void LookIn(string directory)
    {
        try
        {
            int errno = Open(directory, out SafeFileHandle? opened);
            if (errno == Errno.EACCES)
            {
                _unreadable.Add(directory);
                return;
            }

            using SafeFileHandle here = opened ?? throw new LinuxException("openat", directory, errno);
            errno = At.Stat(here, [], out FileStat own);
            _directories[directory] = errno == 0 ? own : throw new LinuxException("statx", directory, errno);
            foreach (byte[] name in At.Names(here))
            {
                LookAt(here, directory, name);
            }
        }
        catch (LinuxException e) when (e.Errno == Errno.EACCES)
        {
            _unreadable.Add(directory);
        }
        catch (LinuxException e)
        {
            _bad ??= e.Message;
        }
    }

    /// <summary>One component after the other: no link of the layer is followed.</summary>
    private int Open(string directory, out SafeFileHandle? opened)
    {
        int errno = At.OpenSubdirectory(_root, "."u8, out opened);
        foreach (string component in directory.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            using SafeFileHandle? above = opened;
            errno = errno != 0 ? errno : At.OpenSubdirectory(above!, Encoding.Latin1.GetBytes(component), out opened);
            if (errno != 0)
            {
                opened = null;
                return errno;
            }
        }

        return errno;
    }

    private void LookAt(SafeFileHandle here, string directory, byte[] name)
    {
        Count();
        string text = Encoding.Latin1.GetString(name);
        string path = directory.Length == 0 ? text : directory + "/" + text;
        int errno = At.Stat(here, name, out FileStat stat);
        if (errno != 0)
        {
            throw new LinuxException("statx", path, errno);
        }

        if (text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            TakeMarker(directory, text);
        }
        else if (stat.IsDirectory)
        {
            TakeDirectory(path, directory, stat);
        }
        else if (stat.IsRegular)
        {
            TakeFile(here, path, name, stat);
        }
        else if (stat.IsCharacterDevice || stat.IsBlockDevice)
        {
            _bad ??= $"'{path}' is a device, which overlay could take for a whiteout";
        }
    }

    private void TakeMarker(string directory, string name)
    {
        _marks.Add(('m', directory.Length == 0 ? name : directory + "/" + name));
        if (name == OpaqueName)
        {
            _marks.Add(('o', directory));
        }
        else if (!name.StartsWith(ReservedPrefix, StringComparison.Ordinal))
        {
            string hidden = name[Prefix.Length..];
            _marks.Add(('w', directory.Length == 0 ? hidden : directory + "/" + hidden));
            _bad ??= hidden is "" or "." or ".." ? $"'{directory}/{name}' is a whiteout of nothing that can be removed" : null;
        }

        _bad ??= _marks.Count > MaxMarkers ? $"it has more than {MaxMarkers} removals" : null;
    }

    private void TakeDirectory(string path, string parent, FileStat stat)
    {
        if (parent.Length == 0)
        {
            _marks.Add(('t', path));
        }

        (uint read, uint enter) = stat.Uid == _uid ? (0x100u, 0x40u) : (0x4u, 0x1u);
        if ((stat.Permissions & enter) != 0 && (stat.Permissions & read) == 0)
        {
            _bad ??= $"'{path}' can be entered but not listed, so its removals cannot be found";
        }

        if (path.AsSpan().Count('/') >= MaxDepth)
        {
            _bad ??= $"'{path}' is deeper than {MaxDepth} levels";
            return;
        }

        Interlocked.Increment(ref _pending);
        _ahead.Add(path);
    }

    private void TakeFile(SafeFileHandle here, string path, byte[] name, FileStat stat)
    {
        if (stat.Size == 0 && (name.AsSpan().SequenceEqual(".cvmfscatalog"u8) || name.AsSpan().SequenceEqual(".cvmfsautocatalog"u8)))
        {
            _marks.Add(('m', path));
            return;
        }

        // The newer publisher writes an empty file for a hard link into a lower layer. Nobody makes an empty program or library on purpose.
        if (stat.Size == 0 && ((stat.Permissions & AnyExecute) != 0 || path.EndsWith(".so", StringComparison.Ordinal) || path.Contains(".so.", StringComparison.Ordinal)))
        {
            _bad ??= $"'{path}' is empty and should not be: the publisher leaves such files for hard links into other layers";
        }

        uint needed = stat.Uid == _uid ? OwnerRead : OtherRead;
        if ((stat.Permissions & needed) == 0 && !Opens(here, name))
        {
            _unreadable.Add(path);
        }
    }

    private static bool Opens(SafeFileHandle here, byte[] name)
    {
        int errno = At.Open(here, name, Libc.O_RDONLY | Libc.O_NOFOLLOW | Libc.O_NONBLOCK, 0, out SafeFileHandle? file);
        file?.Dispose();
        return errno == 0;
    }

    private void Count()
    {
        int count = Interlocked.Increment(ref _entries);
        if (count > _limits.Entries)
        {
            _bad ??= $"it has more than {_limits.Entries} entries";
        }

        if (count % EntriesPerStep == 0)
        {
            lock (_output)
            {
                _output.Step("walk");
            }

            _bad ??= Stopwatch.GetElapsedTime(_began) > _limits.Time ? string.Create(CultureInfo.InvariantCulture, $"walking it took more than {_limits.Time.TotalSeconds:0.#} s") : null;
        }
    }

    private void SayMarks()
    {
        _output.Step("answer");
        int number = 0;
        void Say(char kind, string text) => _output.Say(string.Create(CultureInfo.InvariantCulture, $"{kind}.{number++}"), text);
        foreach ((char kind, string path) in _marks.OrderBy(m => m.Path, StringComparer.Ordinal))
        {
            Say(kind, path);
        }

        HashSet<string> parents = [.. _marks.Where(m => m.Kind == 'm').SelectMany(m => Ancestors(m.Path))];
        foreach (string directory in parents.Order(StringComparer.Ordinal))
        {
            FileStat stat = _directories[directory];
            Say('d', string.Create(CultureInfo.InvariantCulture, $"{Convert.ToString(stat.Permissions, 8)} {stat.Modified.Seconds} {stat.Modified.Nanoseconds} {directory}"));
        }

        _output.Say("unreadable", _unreadable.Count);
        foreach (string path in _unreadable.Order(StringComparer.Ordinal).Take(MaxNamed))
        {
            Say('u', path);
        }
    }

    /// <summary>All directories above a path, the root as the empty text.</summary>
    private static IEnumerable<string> Ancestors(string path)
    {
        for (int slash = path.LastIndexOf('/'); slash >= 0; slash = slash == 0 ? -1 : path.LastIndexOf('/', slash - 1))
        {
            yield return path[..slash];
        }

        yield return "";
    }

    /// <summary>When walking a layer costs more than fetching it.</summary>
    internal sealed record Limits(int Entries, TimeSpan Time)
    {
        internal static Limits Parse(string entries, string seconds) =>
            new(int.Parse(entries, CultureInfo.InvariantCulture), TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
    }
}
