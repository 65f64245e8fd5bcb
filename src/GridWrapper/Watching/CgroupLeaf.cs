using GridWrapper.Linux;
using GridWrapper.Probing;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Watching;

/// <summary>
/// A control group made for one payload and removed after it. Whoever made one holds a lock on its directory; one that nobody holds is a dead run's, and the next run
/// ends what is left in it and removes it.
/// </summary>
internal sealed class CgroupLeaf : IDisposable
{
    /// <summary>gridwrap-init, outside and inside: they count with the payload.</summary>
    internal const int OwnProcesses = 2;

    private const string Prefix = "gridwrap-";
    private const int MostNames = 100;
    private const uint Mode = 0x1ED; // rwxr-xr-x

    private readonly SafeFileHandle _held;
    private readonly CgroupGround _ground;

    private CgroupLeaf(string directory, SafeFileHandle held, CgroupGround ground)
    {
        Directory = directory;
        _held = held;
        _ground = ground;
    }

    /// <summary>A process joins by writing 0 to cgroup.procs in it.</summary>
    internal string Directory { get; }

    /// <summary>What the kernel holds of the limits that <see cref="Apply"/> was given.</summary>
    internal KernelLimits Holds { get; private set; }

    /// <summary>Where leaves are made.</summary>
    internal string ParentDirectory => _ground.Directory;

    internal ImmutableArray<string> Controllers => _ground.Controllers;

    /// <summary>The group that gridwrap has put itself into so that controllers could be switched on, null where that was not necessary.</summary>
    internal bool MovedItself => _ground.HasMoved;

    /// <summary>Absent where it cannot be made, with the reason.</summary>
    internal static Fact<CgroupLeaf> Make(string root, CgroupUse use)
    {
        if (use == CgroupUse.Off)
        {
            return new Fact<CgroupLeaf>.Absent("the site profile forbids it (limits.cgroup)");
        }

        Fact<CgroupHome> found = CgroupHome.Find(root);
        if (!found.IsKnown(out CgroupHome home))
        {
            return new Fact<CgroupLeaf>.Absent(found.Why);
        }

        CgroupGround ground = CgroupGround.Choose(home, use);
        Sweep(ground.Directory);
        for (int i = 0; i < MostNames; i++)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"{ground.Directory}/{Prefix}{Environment.ProcessId}-{i}");
            int errno = MakeDirectory(path);
            if (errno == 0 && Lock(path) is { } held)
            {
                return new Fact<CgroupLeaf>.Known(new CgroupLeaf(path, held, ground));
            }

            if (errno is not (0 or Errno.EEXIST))
            {
                ground.Restore();
                return new Fact<CgroupLeaf>.Absent($"{ground.Directory} is not delegated to this user: a group in it cannot be made ({Errno.Name(errno)})");
            }
        }

        ground.Restore();
        return new Fact<CgroupLeaf>.Absent($"{ground.Directory} holds {MostNames} groups of this name");
    }

    /// <summary>Writes the limits that the controllers take. Memory includes no swap, and a kill takes the whole payload: half of one is worth nothing.</summary>
    internal void Apply(PayloadLimits limits)
    {
        if (limits.Memory is { } memory && Write("memory.max", memory.Value))
        {
            Holds |= KernelLimits.Memory;
            _ = SmallFile.Write(Directory + "/memory.swap.max", "0");
            _ = SmallFile.Write(Directory + "/memory.oom.group", "1");
        }

        if (limits.Processes is { } processes && Write("pids.max", processes.Value + OwnProcesses))
        {
            Holds |= KernelLimits.Processes;
        }

        if (limits.Cores is { } cores)
        {
            string quota = string.Create(CultureInfo.InvariantCulture, $"{(long)(cores.Value * 100_000)} 100000");
            Holds |= SmallFile.Write(Directory + "/cpu.max", quota) == 0 ? KernelLimits.Cores : KernelLimits.None;
        }
    }

    /// <summary>Processes in it, also those that left the tree of the one that was started.</summary>
    internal List<int> Members()
    {
        List<int> members = [];
        ReadOnlySpan<byte> text = Encoding.ASCII.GetBytes(SmallFile.Text(Directory + "/cgroup.procs") ?? "");
        while (ProcText.Word(ref text) is { IsEmpty: false } word)
        {
            members.Add((int)ProcText.Number(word));
        }

        return members;
    }

    /// <summary>The kernel kills whatever is in it, however fast it forks. Before Linux 5.14 its members are killed one by one.</summary>
    internal void Kill() => Kill(Directory);

    internal CgroupFigures Figures() => new(
        Value("cpu.stat", "usage_usec"u8) / 1e6,
        Value("memory.events", "oom_kill"u8),
        Value("memory.events", "oom"u8),
        SmallFile.Text(Directory + "/memory.peak") is { } peak ? ProcText.Number(Encoding.ASCII.GetBytes(peak)) : null);

    /// <summary>False while a process is in it, also one that the kernel does not let go.</summary>
    internal bool IsEmpty => IsEmptyGroup(Directory);

    /// <summary>Removes it. One that still holds a process stays; a later run removes it.</summary>
    public void Dispose()
    {
        _ = RemoveDirectory(Directory);
        _held.Dispose();
        _ground.Restore();
    }

    /// <summary>Ends and removes what dead runs left.</summary>
    private static void Sweep(string parent)
    {
        foreach (string left in System.IO.Directory.EnumerateDirectories(parent, Prefix + "*"))
        {
            if (left.EndsWith(CgroupGround.OwnLeaf, StringComparison.Ordinal))
            {
                _ = RemoveDirectory(left); // refused while somebody is in it
                continue;
            }

            if (Lock(left) is not { } held)
            {
                continue;
            }

            using (held)
            {
                if (!IsEmptyGroup(left))
                {
                    Kill(left);
                }

                _ = RemoveDirectory(left);
            }
        }
    }

    private static void Kill(string directory)
    {
        if (SmallFile.Write(directory + "/cgroup.kill", "1") == 0)
        {
            return;
        }

        ReadOnlySpan<byte> text = Encoding.ASCII.GetBytes(SmallFile.Text(directory + "/cgroup.procs") ?? "");
        while (ProcText.Word(ref text) is { IsEmpty: false } word)
        {
            if ((int)ProcText.Number(word) is > 1 and int pid && pid != Environment.ProcessId)
            {
                _ = Libc.Kill(pid, Libc.SIGKILL);
            }
        }
    }

    private static bool IsEmptyGroup(string directory) =>
        ProcText.Value(Encoding.ASCII.GetBytes(SmallFile.Text(directory + "/cgroup.events") ?? ""), "populated"u8) == 0;

    private static SafeFileHandle? Lock(string path)
    {
        SafeFileHandle directory;
        try
        {
            directory = At.OpenDirectory(path);
        }
        catch (LinuxException)
        {
            return null; // another run was faster to remove it
        }

        if (Libc.Flock(directory, Libc.LOCK_EX | Libc.LOCK_NB) == 0 && System.IO.Directory.Exists(path))
        {
            return directory;
        }

        directory.Dispose();
        return null;
    }

    private static int MakeDirectory(string path)
    {
        using SafeFileHandle parent = At.OpenDirectory(Path.GetDirectoryName(path)!);
        return At.MakeDirectory(parent, Encoding.UTF8.GetBytes(Path.GetFileName(path)), Mode);
    }

    private static int RemoveDirectory(string path)
    {
        using SafeFileHandle parent = At.OpenDirectory(Path.GetDirectoryName(path)!);
        return At.Unlink(parent, Encoding.UTF8.GetBytes(Path.GetFileName(path)), isDirectory: true);
    }

    private bool Write(string file, double value) =>
        SmallFile.Write($"{Directory}/{file}", ((long)value).ToString(CultureInfo.InvariantCulture)) == 0;

    private long Value(string file, ReadOnlySpan<byte> key) => ProcText.Value(Encoding.ASCII.GetBytes(SmallFile.Text($"{Directory}/{file}") ?? ""), key);
}

/// <summary>What a group has counted.</summary>
/// <param name="CpuSeconds">Of all that ever ran in it.</param>
/// <param name="OomKills">Processes killed for want of memory.</param>
/// <param name="OwnLimitHits">How often its own memory limit, and not one above, could not be kept otherwise.</param>
/// <param name="PeakBytes">Most memory, page cache included; null where it is not counted.</param>
internal sealed record CgroupFigures(double CpuSeconds, long OomKills, long OwnLimitHits, long? PeakBytes);
