using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Finds what of a GPU driver lies on this node: libraries by the loader's own list, programs, cards.</summary>
internal static class DriverProbe
{
    private const int MaxCacheBytes = 16 << 20;

    /// <summary>Libraries that come with NVIDIA's driver, and the loaders of graphics and OpenCL that find them. A trailing '*' stands for anything.</summary>
    private static readonly string[] NvidiaLibraries =
    [
        "libcuda.so*", "libcudadebugger.so*", "libnvcuvid.so*", "libnvoptix.so*", "libnvidia-*", "libvdpau_nvidia.so*", "libEGL_nvidia.so*", "libGLX_nvidia.so*", "libGLESv1_CM_nvidia.so*", "libGLESv2_nvidia.so*",
        "libEGL.so*", "libGL.so*", "libGLX.so*", "libGLdispatch.so*", "libGLESv1_CM.so*", "libGLESv2.so*", "libOpenGL.so*", "libOpenCL.so*",
    ];

    private static readonly string[] AmdLibraries = ["libamd_comgr.so*", "libamdhip64.so*", "libamdocl64.so*", "libhsa-runtime64.so*", "libhsakmt.so*", "librocm_smi64.so*", "libamd_smi.so*", "libOpenCL.so*"];

    private static readonly string[] NvidiaPrograms = ["nvidia-smi", "nvidia-debugdump", "nvidia-persistenced", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server"];

    private static readonly string[] AmdPrograms = ["rocm-smi", "rocminfo", "amd-smi"];

    /// <summary>Where drivers put libraries that the loader's list may not know: by hand, by Kubernetes, in WSL.</summary>
    private static readonly string[] Beside = ["usr/local/nvidia/lib64", "usr/lib64/nvidia", "usr/lib/x86_64-linux-gnu/nvidia/current", "usr/lib64", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"];

    private static readonly string[] ProgramPlaces = ["usr/bin", "bin", "usr/local/nvidia/bin", "opt/rocm/bin"];

    internal static GpuFacts Nvidia(string root, ImmutableArray<string> devices)
    {
        List<string> notes = [];
        CdiSpec? cdi = CdiReader.Find(root, "nvidia.com/gpu", notes);
        return new GpuFacts("nvidia", devices)
        {
            Cards = Cards(root),
            Libraries = cdi is null ? Libraries(root, NvidiaLibraries) : OfCdi(root, cdi),
            Programs = cdi is null ? Programs(root, NvidiaPrograms) : [],
            Cdi = cdi,
            Notes = [.. notes],
        };
    }

    internal static GpuFacts Amd(string root, ImmutableArray<string> devices) =>
        new("amd", devices) { Libraries = Libraries(root, AmdLibraries), Programs = Programs(root, AmdPrograms) };

    /// <summary>What is said of each card in /proc/driver/nvidia/gpus/BUS/information.</summary>
    private static ImmutableArray<GpuCard> Cards(string root)
    {
        string directory = Path.Combine(root, "proc/driver/nvidia/gpus");
        if (!Directory.Exists(directory))
        {
            return [];
        }

        List<GpuCard> cards = [];
        foreach (string card in Directory.EnumerateDirectories(directory).Order(StringComparer.Ordinal))
        {
            string text = ReadText(Path.Combine(card, "information"));
            if (int.TryParse(Field(text, "Device Minor"), NumberStyles.None, CultureInfo.InvariantCulture, out int minor))
            {
                cards.Add(new GpuCard(minor, Field(text, "GPU UUID")));
            }
        }

        return [.. cards];
    }

    private static string Field(string text, string name)
    {
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line[..colon].Trim() == name)
            {
                return line[(colon + 1)..].Trim();
            }
        }

        return "";
    }

    private static ImmutableArray<DriverFile> Libraries(string root, string[] patterns)
    {
        Dictionary<string, DriverFile> found = new(StringComparer.Ordinal);
        int error = Touch.Open(Libc.AT_FDCWD, Path.Combine(root, "etc/ld.so.cache"), Libc.O_RDONLY, out int fd);
        byte[] cache = [];
        if (error == 0)
        {
            _ = Touch.Read(fd, 0, MaxCacheBytes, out cache);
            Touch.Close(fd);
        }

        IEnumerable<string> listed = LoaderCache.Parse(cache).Where(l => Matches(l.Name, patterns)).Select(l => Path.Join(root, l.Path));
        foreach (string path in listed.Concat(Beside.SelectMany(b => Files(Path.Combine(root, b), patterns))))
        {
            if (Library(path) is { } file)
            {
                found.TryAdd(file.Name, file);
            }
        }

        return [.. found.Values.OrderBy(f => f.Name, StringComparer.Ordinal)];
    }

    /// <summary>Libraries are known by the name that programs ask the loader for.</summary>
    private static DriverFile? Library(string path) => ElfVersions.Read(path) is { } elf
        ? new DriverFile(path, elf.Soname.Length > 0 && !elf.Soname.Contains('/', StringComparison.Ordinal) ? elf.Soname : Path.GetFileName(path), GlibcVersion.Highest(elf.Needed))
        : null;

    private static IEnumerable<string> Files(string directory, string[] patterns) =>
        Directory.Exists(directory) ? Directory.EnumerateFiles(directory, "lib*.so*").Where(f => Matches(Path.GetFileName(f), patterns)).Order(StringComparer.Ordinal) : [];

    private static ImmutableArray<DriverFile> Programs(string root, string[] names) =>
    [
        .. names.Select(n => ProgramPlaces.Select(p => Path.Combine(root, p, n)).FirstOrDefault(File.Exists)).OfType<string>()
            .Select(p => new DriverFile(p, Path.GetFileName(p), ElfVersions.Read(p) is { } elf ? GlibcVersion.Highest(elf.Needed) : "")),
    ];

    private static ImmutableArray<DriverFile> OfCdi(string root, CdiSpec cdi) =>
    [
        .. cdi.Common.Mounts.Concat(cdi.Devices.SelectMany(d => d.Edits.Mounts)).Select(m => m.Host).Distinct(StringComparer.Ordinal)
            .Select(h => Library(Path.Join(root, h)) is { } file ? file with { Path = h } : null).OfType<DriverFile>(),
    ];

    private static bool Matches(string name, string[] patterns)
    {
        foreach (string pattern in patterns)
        {
            if (pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern)
            {
                return !name.StartsWith("libnvidia-container", StringComparison.Ordinal);
            }
        }

        return false;
    }

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
