using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Watching;

/// <summary>What lies in the job directory and the private /tmp: size, the largest file, the youngest change.</summary>
/// <param name="Bytes">On disk, all of it.</param>
/// <param name="LargestName">Largest file of the job directory, streams excepted; path below it.</param>
/// <param name="LargestBytes">Its size.</param>
/// <param name="StreamBytes">Size of the larger of payload.stdout and payload.stderr.</param>
/// <param name="NewestSeconds">Youngest modification time, seconds since 1970; 0 where there is none that counts.</param>
internal sealed record DirectoryUse(long Bytes, string LargestName, long LargestBytes, long StreamBytes, double NewestSeconds)
{
    private const int DeepestPath = 4096;

    /// <summary>Parts of paths whose changes are no sign of life of a payload: what monitors, pilots and this program write. The PanDA pilot's list, and our own files.</summary>
    private static readonly ImmutableArray<string> NoSignOfLife =
    [
        "prmon", "/pilot/", "/pandawnutil", "pilotlog", ".lib.tgz", ".py", "PoolFileCatalog", "setup.sh", "pandaJob", "runjob", "memory_", "mem.", "docs/", "DBRelease-",
        "/gridwrap.log", "/gridwrap-result.json",
    ];

    /// <summary>Walks both trees on their own file systems, without following a link. What vanishes meanwhile is passed over.</summary>
    /// <param name="jobDirectory">The job directory.</param>
    /// <param name="scratchDirectory">The private /tmp, null for none.</param>
    /// <param name="ct">Ends the walk early, for a file system that hangs.</param>
    internal static DirectoryUse Walk(string jobDirectory, string? scratchDirectory, CancellationToken ct)
    {
        DirectoryUse use = new(0, "", 0, 0, 0);
        use = use.Add(jobDirectory, isJob: true, ct);
        return scratchDirectory is null ? use : use.Add(scratchDirectory, isJob: false, ct);
    }

    private DirectoryUse Add(string top, bool isJob, CancellationToken ct)
    {
        DirectoryUse use = this;
        Stack<string> waiting = new([""]);
        ulong? device = null;
        while (waiting.TryPop(out string? below))
        {
            ct.ThrowIfCancellationRequested();
            if (Open(top + below) is not { } directory)
            {
                continue;
            }

            using (directory)
            {
                if (At.Stat(directory, [], out FileStat self) != 0 || self.Device != (device ??= self.Device))
                {
                    continue; // another file system
                }

                foreach (byte[] name in At.Names(directory))
                {
                    if (At.Stat(directory, name, out FileStat stat) == 0)
                    {
                        string path = below + "/" + Encoding.UTF8.GetString(name);
                        use = use.With(path, stat, isJob);
                        if (stat.IsDirectory && path.Length < DeepestPath)
                        {
                            waiting.Push(path);
                        }
                    }
                }
            }
        }

        return use;
    }

    private DirectoryUse With(string path, in FileStat stat, bool isJob)
    {
        DirectoryUse use = this with { Bytes = Bytes + stat.AllocatedBytes };
        double modified = stat.Modified.Seconds + (stat.Modified.Nanoseconds / 1e9);
        if (modified > NewestSeconds && !IsNoSignOfLife(path))
        {
            use = use with { NewestSeconds = modified };
        }

        if (isJob && stat.IsRegular)
        {
            use = path is "/payload.stdout" or "/payload.stderr"
                ? use with { StreamBytes = Math.Max(StreamBytes, stat.Size) }
                : stat.Size > LargestBytes ? use with { LargestBytes = stat.Size, LargestName = path[1..] } : use;
        }

        return use;
    }

    private static bool IsNoSignOfLife(string path)
    {
        foreach (string part in NoSignOfLife)
        {
            if (path.Contains(part, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static SafeFileHandle? Open(string path)
    {
        try
        {
            return At.OpenDirectory(path);
        }
        catch (LinuxException)
        {
            return null; // removed meanwhile, or closed to us
        }
    }
}
