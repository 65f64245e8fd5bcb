using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Device nodes: /dev/fuse, and those of GPUs.</summary>
internal static class DeviceProbe
{
    /// <summary>Opens /dev/fuse for reading and writing, which is what a FUSE server needs; a node that is only visible is of no use.</summary>
    internal static Fact<string> Fuse(string root)
    {
        string path = Path.Combine(root, "dev/fuse");
        int error = Touch.Open(Libc.AT_FDCWD, path, Libc.O_RDWR, out int fd);
        Touch.Close(fd);
        return error == 0 ? new Fact<string>.Known(path) : new Fact<string>.Absent($"opening {path}: {Errno.Name(error)}");
    }

    /// <summary>NVIDIA's and AMD's nodes. Render nodes alone are no compute GPU: they count only beside AMD's /dev/kfd.</summary>
    internal static Fact<ImmutableArray<GpuFacts>> Gpus(string root)
    {
        string dev = Path.Combine(root, "dev");
        string[] names = [.. Names(dev).Order(StringComparer.Ordinal)];
        ImmutableArray<string> nvidia =
        [
            .. names.Where(n => n.StartsWith("nvidia", StringComparison.Ordinal) && n != "nvidia-caps").Select(n => Path.Combine(dev, n)),
            .. Names(Path.Combine(dev, "nvidia-caps")).Order(StringComparer.Ordinal).Select(n => Path.Combine(dev, "nvidia-caps", n)),
        ];
        ImmutableArray<string> amd = !names.Contains("kfd") ? [] :
        [
            Path.Combine(dev, "kfd"),
            .. Names(Path.Combine(dev, "dri")).Where(n => n.StartsWith("renderD", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
                .Select(n => Path.Combine(dev, "dri", n)),
        ];
        // /dev/nvidiactl alone is left by a driver without a card.
        bool anyNvidia = nvidia.Any(d => char.IsAsciiDigit(d[^1]) && Path.GetFileName(d).TrimEnd("0123456789".ToCharArray()) == "nvidia");
        ImmutableArray<GpuFacts> nvidiaFacts = anyNvidia ? [DriverProbe.Nvidia(root, nvidia)] : [.. Wsl(root, dev, names)];
        ImmutableArray<GpuFacts> found = amd.IsEmpty ? nvidiaFacts : nvidiaFacts.Add(DriverProbe.Amd(root, amd));
        return found.IsEmpty
            ? new Fact<ImmutableArray<GpuFacts>>.Absent("no device nodes of GPUs in " + dev)
            : new Fact<ImmutableArray<GpuFacts>>.Known(found);
    }

    /// <summary>Windows' own driver serves Linux guests through one device and one directory.</summary>
    private static IEnumerable<GpuFacts> Wsl(string root, string dev, string[] names)
    {
        if (names.Contains("dxg") && File.Exists(Path.Combine(root, "usr/lib/wsl/lib/libcuda.so.1")))
        {
            yield return new GpuFacts("nvidia", [Path.Combine(dev, "dxg")]) { Directories = ["/usr/lib/wsl"] };
        }
    }

    private static IEnumerable<string> Names(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return [];
        }

        try
        {
            return [.. Directory.EnumerateFileSystemEntries(directory).Select(e => Path.GetFileName(e))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
