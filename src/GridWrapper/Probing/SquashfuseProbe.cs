using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Finds squashfuse: on PATH, in the usual places, and where Apptainer keeps its own. Only local file systems are looked at.</summary>
internal static class SquashfuseProbe
{
    private const uint Executable = 0x49;

    /// <summary>A program of this kind has some 40 KB; with everything linked in, a few MB.</summary>
    private const int LargestProgram = 8 << 20;

    /// <summary>The one without a file system library of its own between it and the kernel is the faster one.</summary>
    private static readonly string[] Names = ["squashfuse_ll", "squashfuse"];

    private static readonly string[] Places = ["/usr/bin", "/usr/local/bin", "/bin", "/usr/libexec/apptainer/bin", "/usr/libexec/singularity/bin"];

    internal static Fact<SquashfuseFacts> Probe(string root, IReadOnlyDictionary<string, string> environment)
    {
        MountInfo mounts = MountInfo.Read();
        string[] path = environment.GetValueOrDefault("PATH", "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        foreach (string name in Names)
        {
            foreach (string directory in path.Where(d => d.StartsWith('/')).Concat(Places).Distinct(StringComparer.Ordinal))
            {
                if (LocalPath.Resolve(Path.Combine(root, $"{directory.Trim('/')}/{name}"), mounts) is LocalPath.Here { Path: var found } && IsProgram(found))
                {
                    return new Fact<SquashfuseFacts>.Known(new SquashfuseFacts(found, TakesOwner(found)));
                }
            }
        }

        return new Fact<SquashfuseFacts>.Absent("no squashfuse_ll or squashfuse on PATH, in /usr/bin or beside Apptainer");
    }

    private static bool IsProgram(string path) =>
        Touch.Status(Libc.AT_FDCWD, path, 0, out Libc.FileStatus status) == 0 && status.IsRegular && (status.Mode & Executable) != 0 && !path.Contains(' ', StringComparison.Ordinal);

    /// <summary>The option's text is in the program; asking it by --help would cost a process.</summary>
    private static bool TakesOwner(string path) =>
        Touch.ReadFile(Libc.AT_FDCWD, path, LargestProgram, out byte[] content) == 0 && content.AsSpan().IndexOf("uid=%d"u8) >= 0;
}
