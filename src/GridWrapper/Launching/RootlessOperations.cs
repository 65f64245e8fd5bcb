using GridWrapper.Diagnostics;
using static GridWrapper.Launching.LaunchOperations;

namespace GridWrapper.Launching;

/// <summary>
/// The ordered operations of a rootless launch. Pure. The root is an overlay of the image's layers over a scaffold of mount points, so that an image needs none of them;
/// it is read-only at the end unless asked otherwise. Where overlay does not work it is the image's directory itself, to which the helper adds mount points by binds.
/// </summary>
internal static class RootlessOperations
{
    /// <summary>Any directory of the host that exists everywhere; it is hidden in our own namespace only.</summary>
    private const string BasePath = "/tmp";

    internal static ImmutableArray<LaunchOperation> Create(LaunchRequest request, string directory, string homeDirectory, bool freshProc)
    {
        ImmutableArray<LaunchOperation> binds = Binds(request);
        List<LaunchOperation> operations =
        [
            new(SlaveRoot, null, null),
            .. ImageOf(request),
            new(Base, null, BasePath),
            .. Root(request, [.. Scaffolds(request, binds, directory)]),
            freshProc ? new(Proc, null, "/proc") : new(Bind, "/proc", "/proc"),
            new(Bind, "/sys", "/sys", "ro,optional"),
            new(Devices, "/dev", "/dev"),
            .. Console(request),
            .. GpuBinds(request),
            .. binds,
            .. Masks(request),
            .. Files(Inside(request), homeDirectory).Where(f => !binds.Any(b => IsAtOrBelow(f.Target!, b.Target!))),
        ];
        if (!request.Writable)
        {
            operations.Add(new(ReadOnlyRoot, null, "/"));
        }

        operations.Add(new(Enter, null, "/"));
        return [.. operations];
    }

    /// <summary>Everybody may read, as the image is the payload's alone; what the kernel then asks of modes and owners is asked of the overlay above.</summary>
    private static IEnumerable<LaunchOperation> ImageOf(LaunchRequest request)
    {
        if (request.Rootfs.ServedAt is { } point)
        {
            yield return new LaunchOperation(Serve, null, point);
        }

        if (request.Rootfs.Mount is { } mount)
        {
            Probing.NodeFacts node = request.Plan.Host.Node;
            string owner = mount.TakesOwner && request.Isolation is { Mapping: IdMapping.Single } ? string.Create(CultureInfo.InvariantCulture, $",uid={node.Uid},gid={node.Gid}") : "";
            string options = string.Create(CultureInfo.InvariantCulture, $"{mount.Program} allow_other,offset={mount.Offset}{owner}");
            yield return new LaunchOperation(Image, mount.File, request.Rootfs.LowerDirectories[0], options);
        }
    }

    /// <summary>A terminal of another tree's /dev/pts has no name in ours; programs that ask for its name find it here.</summary>
    private static IEnumerable<LaunchOperation> Console(LaunchRequest request) =>
        request.Terminal ? [new LaunchOperation(Bind, TerminalProxy.AnyName, "/dev/console", "optional")] : [];

    /// <summary>A host directory over one of these would replace what the image is for; the job directory is then only shown under its second name.</summary>
    internal static bool CanBeShown(string hostDirectory) =>
        hostDirectory.Split('/', StringSplitOptions.RemoveEmptyEntries) is [var first, ..]
        && first is not ("usr" or "etc" or "bin" or "sbin" or "lib" or "lib32" or "lib64" or "libx32" or "proc" or "sys" or "dev" or "boot");

    private static IEnumerable<LaunchOperation> Root(LaunchRequest request, ImmutableArray<LaunchOperation> scaffolds)
    {
        _ = request.Plan.Host.Namespaces.IsKnown(out Probing.NamespaceFacts facts);
        return RootChoice.Of(request.Rootfs, request.Writable, request.Plan.Host.Namespaces) switch
        {
            RootKind.Overlay => [.. scaffolds, .. Layers(request), new(Overlay, null, null, string.Join(',', OverlayOptions(request))), .. Expected(request)],
            RootKind.FuseOverlay => [.. scaffolds, .. Layers(request), new(FuseOverlay, facts.FuseOverlayProgram, null), .. Expected(request)],
            RootKind.Binds => [new(Underlay, request.Rootfs.LowerDirectories[0], null), .. scaffolds],
            _ => throw new GridWrapperException(RootlessFailure.NeedsOverlay(request.Rootfs.LowerDirectories.Length, facts.Overlay)),
        };
    }

    private static IEnumerable<LaunchOperation> Layers(LaunchRequest request)
    {
        foreach (string directory in request.Rootfs.LowerDirectories)
        {
            yield return new LaunchOperation(Layer, directory, null);
        }
    }

    /// <summary>The self-test of the root, before anything is mounted in it. What was found out about the layers is all that is tested: nothing on the short way of `exec`.</summary>
    private static IEnumerable<LaunchOperation> Expected(LaunchRequest request)
    {
        foreach (Probing.RootExpectation expectation in request.Expectations)
        {
            yield return new LaunchOperation(Expect, null, expectation.Path, expectation.Text);
        }
    }

    /// <summary>Parents before children; of two on the same place the later one wins.</summary>
    private static ImmutableArray<LaunchOperation> Binds(LaunchRequest request)
    {
        List<LaunchOperation> binds =
        [
            new(Bind, request.ScratchDirectory, "/tmp"),
            new(Bind, request.ScratchDirectory, "/var/tmp"),
        ];
        if (request.CvmfsRoot is { } cvmfs)
        {
            binds.Add(new(Bind, cvmfs, "/cvmfs", "optional"));
        }

        foreach (BindMount volume in PersonalityRules.Volumes(request))
        {
            binds.Add(new(Bind, volume.Source, volume.Target));
        }

        if (!request.HideJobDirectory && CanBeShown(request.JobDirectory))
        {
            binds.Add(new(Bind, request.JobDirectory, request.JobDirectory));
        }

        if (request.DataDirectory is { } data && data != request.JobDirectory)
        {
            binds.Add(new(Bind, request.JobDirectory, data));
        }

        binds.AddRange(request.Binds.Select(b => new LaunchOperation(Bind, b.Source, Place(b.Target), Options(b))));
        return Ordered(binds);
    }

    private static ImmutableArray<LaunchOperation> Ordered(List<LaunchOperation> binds)
    {
        List<LaunchOperation> kept = [];
        foreach (LaunchOperation bind in binds)
        {
            kept.RemoveAll(k => k.Target == bind.Target);

            // Insertion behind everything that is not deeper keeps the given order among equals.
            int at = kept.FindIndex(k => Depth(k) > Depth(bind));
            kept.Insert(at < 0 ? kept.Count : at, bind);
        }

        return [.. kept];
    }

    private static int Depth(LaunchOperation bind) => bind.Target.AsSpan().Count('/');

    /// <summary>Absolute, without "." and "..", double or trailing slashes, so that places can be compared.</summary>
    /// <exception cref="GridWrapperException">It is the root itself.</exception>
    private static string Place(string target) =>
        Path.GetFullPath("/" + target).TrimEnd('/') is { Length: > 0 } place
            ? place
            : throw GridWrapperException.BadInput("bind", $"something cannot be shown at {target}: it would take the place of the image");

    private static string Options(BindMount bind) => (bind.ReadOnly, bind.Optional) switch
    {
        (true, true) => "ro,optional",
        (true, false) => "ro",
        (false, true) => "optional",
        _ => "",
    };

    /// <summary>A file of the driver that cannot be shown is a nuisance, no reason to refuse the launch.</summary>
    private static IEnumerable<LaunchOperation> GpuBinds(LaunchRequest request) => request.Gpu is not { } gpu ? [] :
    [
        .. gpu.Devices.Select(d => new LaunchOperation(Bind, d, d, "optional")),
        .. gpu.Files.Select(f => new LaunchOperation(Bind, f.Source, f.Target, f.ReadOnly ? "ro,optional" : "optional")),
    ];

    private static IEnumerable<LaunchOperation> Scaffolds(LaunchRequest request, ImmutableArray<LaunchOperation> binds, string directory)
    {
        foreach (string path in (string[])["/proc", "/sys", "/dev", "/tmp", "/var/tmp"])
        {
            yield return new LaunchOperation(Scaffold, null, path);
        }

        foreach (string path in (string[])["/etc/passwd", "/etc/group", "/etc/resolv.conf", "/etc/hosts"])
        {
            yield return new LaunchOperation(Scaffold, null, path, "file");
        }

        foreach (BindMount file in request.Gpu?.Files ?? [])
        {
            yield return new LaunchOperation(Scaffold, file.Source, file.Target, "optional");
        }

        foreach (LaunchOperation bind in binds.Where(b => b.Target is not ("/tmp" or "/var/tmp")))
        {
            yield return new LaunchOperation(Scaffold, bind.Source, bind.Target, bind.Options.Contains("optional", StringComparison.Ordinal) ? "optional" : "");
        }

        // The image's word is not to be trusted: "/../x" must not mean a place outside.
        string made = Path.GetFullPath("/" + directory.Replace("\0", "", StringComparison.Ordinal)).TrimEnd('/');
        if (made.Length > 0 && !binds.Any(b => IsAtOrBelow(made, b.Target!)) && request.InitialDirectory is null)
        {
            yield return new LaunchOperation(Scaffold, null, made);
        }
    }

    private static bool IsAtOrBelow(string path, string parent) => path == parent || path.StartsWith(parent.TrimEnd('/') + "/", StringComparison.Ordinal);

    private static IEnumerable<string> OverlayOptions(LaunchRequest request)
    {
        // Without it a directory of the image cannot be removed and made again in a writable root: that needs an attribute on the upper layer.
        if (request.Rootfs.UserXattr || (request.Writable && request.Plan.Host.Namespaces.IsKnown(out Probing.NamespaceFacts facts) && facts.OverlayUserXattr.Works))
        {
            yield return "userxattr";
        }

        if (request.Writable)
        {
            yield return "writable";
        }
    }

    /// <summary>What an ordinary user of the node can read of the kernel and a payload need not. Root's own files are closed to it anyway.</summary>
    private static IEnumerable<LaunchOperation> Masks(LaunchRequest request) => request.Isolation.MaskKernelFiles
        ? ((string[])
            [
                "/proc/acpi", "/proc/asound", "/proc/config.gz", "/proc/kallsyms", "/proc/kcore", "/proc/key-users", "/proc/keys", "/proc/modules", "/proc/sched_debug", "/proc/scsi",
                "/proc/sysrq-trigger", "/proc/timer_list", "/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/pstore", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing",
            ]).Select(p => new LaunchOperation(Mask, null, p))
        : [];

    /// <summary>The caller as it appears inside.</summary>
    private static Probing.NodeFacts Inside(LaunchRequest request) => request.Isolation.FakeRoot
        ? request.Plan.Host.Node with { Uid = 0, Gid = 0, UserName = "root" }
        : request.Plan.Host.Node;

    /// <summary>
    /// Who the payload is, and the node's network and time. Our lines come first, so that the first match is ours whatever the image says about the same number.
    /// </summary>
    private static IEnumerable<LaunchOperation> Files(Probing.NodeFacts node, string homeDirectory)
    {
        string name = node.UserName is { Length: > 0 } known && IsField(known) ? known : node.Uid == 0 ? "root" : string.Create(CultureInfo.InvariantCulture, $"uid{node.Uid}");
        string home = IsField(homeDirectory) ? homeDirectory : "/";
        yield return new LaunchOperation(
            Identity,
            string.Create(CultureInfo.InvariantCulture, $"{name}:x:{node.Uid}:{node.Gid}:{name}:{home}:/bin/sh\n"),
            "/etc/passwd",
            "optional");
        yield return new LaunchOperation(Identity, string.Create(CultureInfo.InvariantCulture, $"{name}:x:{node.Gid}:\n"), "/etc/group", "optional");
        foreach (string file in (string[])["/etc/resolv.conf", "/etc/hosts", "/etc/localtime"])
        {
            yield return new LaunchOperation(CopyFile, file, file, "optional");
        }
    }

    /// <summary>These files have no way of quoting.</summary>
    private static bool IsField(string text) => !text.AsSpan().ContainsAny(':', '\n', '\0');
}
