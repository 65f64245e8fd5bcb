using GridWrapper.Linux;

namespace GridWrapper.Watching;

/// <summary>
/// The group in which leaves are made. Controllers work in a leaf only if they are switched on for the children of this group, and the kernel switches them on only
/// where no process is in the group itself. So gridwrap, where it is alone in it, moves into a leaf of its own; at the end it goes back.
/// </summary>
internal sealed class CgroupGround
{
    /// <summary>End of the name of the leaf that gridwrap moves itself into.</summary>
    internal const string OwnLeaf = "-pilot";

    private const int MostRounds = 5;
    private const int WriteAccess = 2;

    private static readonly ImmutableArray<string> Wanted = ["memory", "pids", "cpu"];

    private readonly List<string> _switchedOn = [];
    private readonly List<int> _moved = [];
    private string? _ownLeaf;

    private CgroupGround(string directory) => Directory = directory;

    internal string Directory { get; }

    /// <summary>That work in its leaves.</summary>
    internal ImmutableArray<string> Controllers { get; private set; } = [];

    internal bool HasMoved => _ownLeaf is not null;

    /// <summary>The group above, where it is ours to make groups in and has its controllers on: batch systems that delegate put jobs into a leaf. Else our own.</summary>
    internal static CgroupGround Choose(CgroupHome home, CgroupUse use)
    {
        if (home.Parent is { } parent && Enabled(parent).Contains("memory") && MayWrite(parent))
        {
            return new CgroupGround(parent) { Controllers = Enabled(parent) };
        }

        CgroupGround ground = new(home.Directory) { Controllers = Enabled(home.Directory) };
        if (!ground.Controllers.Contains("memory") && MayWrite(home.Directory))
        {
            ground.SwitchOn(use);
        }

        return ground;
    }

    /// <summary>Back to how it was found.</summary>
    internal void Restore()
    {
        foreach (string controller in _switchedOn)
        {
            _ = SmallFile.Write(Directory + "/cgroup.subtree_control", "-" + controller);
        }

        if (_ownLeaf is { } leaf)
        {
            foreach (int pid in _moved)
            {
                _ = Put(pid, Directory);
            }

            foreach (int pid in Processes(leaf))
            {
                _ = Put(pid, Directory);
            }

            _ = Unlink(leaf);
            _ownLeaf = null;
        }

        _switchedOn.Clear();
        _moved.Clear();
    }

    private static ImmutableArray<string> Enabled(string directory) => Words(directory + "/cgroup.subtree_control");

    private static ImmutableArray<string> Words(string file) => [.. (SmallFile.Text(file) ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>What a move of a process needs: groups may be made, and the list of members may be written.</summary>
    private static bool MayWrite(string directory) => MayWriteTo(directory) && MayWriteTo(directory + "/cgroup.procs");

    private static bool MayWriteTo(string path) => Libc.ProbeAccess(Libc.AT_FDCWD, path, WriteAccess, 0) == 0;

    private static List<int> Processes(string directory)
    {
        List<int> pids = [];
        foreach (string line in (SmallFile.Text(directory + "/cgroup.procs") ?? "").Split('\n'))
        {
            if (int.TryParse(line, CultureInfo.InvariantCulture, out int pid))
            {
                pids.Add(pid);
            }
        }

        return pids;
    }

    private static int Put(int pid, string directory) => SmallFile.Write(directory + "/cgroup.procs", pid.ToString(CultureInfo.InvariantCulture));

    private static int Unlink(string directory)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle parent = At.OpenDirectory(Path.GetDirectoryName(directory)!);
        return At.Unlink(parent, Encoding.UTF8.GetBytes(Path.GetFileName(directory)), isDirectory: true);
    }

    private void SwitchOn(CgroupUse use)
    {
        ImmutableArray<string> available = Words(Directory + "/cgroup.controllers");
        bool any = Wanted.Any(available.Contains);
        if (!any || !(use == CgroupUse.Move ? MoveAll() : MoveAlone()))
        {
            return;
        }

        foreach (string controller in Wanted)
        {
            if (available.Contains(controller) && SmallFile.Write(Directory + "/cgroup.subtree_control", "+" + controller) == 0)
            {
                _switchedOn.Add(controller);
            }
        }

        Controllers = Enabled(Directory);
        if (_switchedOn.Count == 0)
        {
            Restore();
        }
    }

    private bool MoveAlone() => Processes(Directory).TrueForAll(pid => pid == Environment.ProcessId) && MoveAll();

    /// <summary>Repeated, because what is moved may fork meanwhile.</summary>
    private bool MoveAll()
    {
        string leaf = string.Create(CultureInfo.InvariantCulture, $"{Directory}/gridwrap-{Environment.ProcessId}{OwnLeaf}");
        for (int round = 0; round < MostRounds; round++)
        {
            List<int> pids = Processes(Directory);
            if (pids.Count == 0)
            {
                return true;
            }

            System.IO.Directory.CreateDirectory(leaf);
            _ownLeaf = leaf;
            foreach (int pid in pids)
            {
                int errno = Put(pid, leaf);
                if (errno is not (0 or Errno.ESRCH))
                {
                    Restore();
                    return false;
                }

                _moved.Add(pid);
            }
        }

        Restore();
        return false;
    }
}
