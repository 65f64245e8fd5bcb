using GridWrapper.Linux;

namespace GridWrapper.Watching;

/// <summary>Finds a payload's processes: everything below the process that was started. Processes that lost their parent hang below process 1 of their pid namespace, hence still below it.</summary>
/// <param name="proc">"/proc" or a recorded tree of it.</param>
internal sealed class ProcessTree(string proc)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly Dictionary<int, ProcessFigures> _found = [];

    /// <summary>The figures of the root and of everything below it, zombies included; empty when the root is gone.</summary>
    /// <param name="root">The process that was started.</param>
    /// <param name="more">Processes known to belong to the payload by other means.</param>
    internal IReadOnlyDictionary<int, ProcessFigures> Read(int root, IReadOnlyList<int> more)
    {
        _found.Clear();
        Take(root);
        foreach (int pid in more)
        {
            Take(pid);
        }

        if (_found.ContainsKey(root) && SmallFile.Read($"{proc}/{root}/task/{root}/children", _buffer) == -Errno.ENOENT)
        {
            TakeByParents(root);
        }

        return _found;
    }

    private void Take(int pid)
    {
        if (_found.ContainsKey(pid) || Figures(pid) is not { } figures)
        {
            return;
        }

        _found[pid] = figures;
        foreach (int child in Children(pid, figures.Threads))
        {
            Take(child);
        }
    }

    private ProcessFigures? Figures(int pid)
    {
        int length = SmallFile.Read($"{proc}/{pid}/stat", _buffer);
        return length <= 0 ? null : ProcessFigures.Parse(_buffer.AsSpan(0, length));
    }

    /// <summary>Each thread has children of its own.</summary>
    private List<int> Children(int pid, int threads)
    {
        List<int> children = [];
        if (threads <= 1)
        {
            AddChildren($"{proc}/{pid}/task/{pid}/children", children);
            return children;
        }

        string tasks = $"{proc}/{pid}/task";
        try
        {
            foreach (string task in Directory.EnumerateDirectories(tasks))
            {
                AddChildren(task + "/children", children);
            }
        }
        catch (IOException)
        {
            return children; // it ended meanwhile
        }

        return children;
    }

    private void AddChildren(string file, List<int> children)
    {
        int length = SmallFile.Read(file, _buffer);
        ReadOnlySpan<byte> text = _buffer.AsSpan(0, Math.Max(length, 0));
        while (ProcText.Word(ref text) is { IsEmpty: false } word)
        {
            children.Add((int)ProcText.Number(word));
        }
    }

    /// <summary>For kernels without lists of children: every process of the node is looked at.</summary>
    private void TakeByParents(int root)
    {
        Dictionary<int, ProcessFigures> all = [];
        foreach (string directory in Directory.EnumerateDirectories(proc))
        {
            if (int.TryParse(Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out int pid) && Figures(pid) is { } figures)
            {
                all[pid] = figures;
            }
        }

        for (bool grown = true; grown;)
        {
            grown = false;
            foreach ((int pid, ProcessFigures figures) in all)
            {
                if (pid != root && _found.ContainsKey(figures.ParentPid))
                {
                    grown |= _found.TryAdd(pid, figures);
                }
            }
        }
    }
}
