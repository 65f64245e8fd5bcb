using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>The mounts of this process as the kernel lists them (proc_pid_mountinfo(5)). Reading the list touches none of them.</summary>
internal sealed class MountInfo
{
    private MountInfo(ImmutableArray<MountEntry> mounts) => Mounts = mounts;

    internal ImmutableArray<MountEntry> Mounts { get; }

    /// <summary>Reads &lt;root&gt;/proc/self/mountinfo; an unreadable list is an empty one.</summary>
    internal static MountInfo Read(string root = "/") => Parse(TextFile.Read(Path.Combine(root, "proc/self/mountinfo")) ?? "");

    /// <summary>Lines that do not look like mountinfo are skipped.</summary>
    internal static MountInfo Parse(string text)
    {
        ImmutableArray<MountEntry>.Builder mounts = ImmutableArray.CreateBuilder<MountEntry>();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] fields = line.Split(' ');
            int dash = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
            if (dash >= 6 && fields.Length >= dash + 3)
            {
                mounts.Add(new MountEntry
                {
                    Device = fields[2],
                    Root = Unescape(fields[3]),
                    MountPoint = Unescape(fields[4]),
                    Options = fields[5],
                    FileSystem = fields[dash + 1],
                    Source = Unescape(fields[dash + 2]),
                    SuperOptions = fields.Length > dash + 3 ? fields[dash + 3] : "",
                });
            }
        }

        return new MountInfo(mounts.ToImmutable());
    }

    /// <summary>The mount that a normalised absolute path lies on: the longest mount point above it, the last one mounted where there are several.</summary>
    internal MountEntry? Covering(string path)
    {
        MountEntry? best = null;
        foreach (MountEntry mount in Mounts)
        {
            if (CvmfsPath.IsBelow(path, mount.MountPoint) && (best is null || mount.MountPoint.Length >= best.MountPoint.Length))
            {
                best = mount;
            }
        }

        return best;
    }

    /// <summary>The mount at exactly this path, the topmost one.</summary>
    internal MountEntry? At(string path) => Mounts.LastOrDefault(m => m.MountPoint == path);

    /// <summary>Blank, tab, newline, backslash and '#' are written as \ and three octal digits.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        byte[] source = Encoding.UTF8.GetBytes(field);
        List<byte> result = new(source.Length);
        for (int i = 0; i < source.Length; i++)
        {
            if (source[i] == '\\' && i + 3 < source.Length && IsOctal(source[i + 1]) && IsOctal(source[i + 2]) && IsOctal(source[i + 3]))
            {
                result.Add((byte)((((source[i + 1] - '0') * 64) + ((source[i + 2] - '0') * 8) + (source[i + 3] - '0')) & 0xff));
                i += 3;
            }
            else
            {
                result.Add(source[i]);
            }
        }

        return Encoding.UTF8.GetString([.. result]);
    }

    private static bool IsOctal(byte digit) => digit is >= (byte)'0' and <= (byte)'7';
}
