using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>The part of pre-flight that is about places of the image rather than its program: what is mounted over it, and what in it is closed. Pure.</summary>
internal static class PreflightPlaces
{
    /// <summary>Every container has something mounted there.</summary>
    internal static readonly ImmutableArray<string> Always = ["/proc", "/sys", "/dev", "/tmp", "/var/tmp"];

    /// <summary>Where a launch will mount something.</summary>
    internal static ImmutableArray<string> Of(LaunchRequest request) =>
    [
        .. Always,
        .. ((string?[])[request.CvmfsRoot is null ? null : "/cvmfs", request.DataDirectory, RootlessOperations.CanBeShown(request.JobDirectory) ? request.JobDirectory : null]).OfType<string>(),
        .. request.Binds.Select(b => b.Target).Where(t => t.StartsWith('/')),
    ];

    /// <param name="places">What is said of those that are not simply a directory, a file or nothing.</param>
    internal static IEnumerable<Finding> Judge(ImmutableSortedDictionary<string, string> places) => places.Where(p => p.Value != RootCheck.FileWord || Always.Contains(p.Key)).Select(p => (Always.Contains(p.Key), p.Value) switch
    {
        (_, RootCheck.LinkWord) => new Finding("mount-points", Finding.Warning, $"{p.Key} is a link in the image; what belongs there is shown where it leads"),
        (true, RootCheck.FileWord) => Impossible(p.Key, "ENOTDIR"),
        (true, "ENOTDIR" or "ELOOP" or "ENAMETOOLONG") => Impossible(p.Key, p.Value),
        _ => new Finding("mount-points", Finding.Warning, $"nothing can be shown at {p.Key}: the way there is no directory in the image, or closed ({p.Value})"),
    });

    private static Finding Impossible(string place, string errno) => Preflight.Fatally(
        "mount-points",
        $"nothing can be mounted on {place} of the image ({errno}); it must be a directory there, or nothing",
        Preflight.Unfit(Blame.Image, errno, ExitCodes.CannotRun) with { PilotErrorCode = PilotError.ContainerImageMountFailure });

    /// <summary>One uid reads what anybody may read; the rest is seen and cannot be opened.</summary>
    internal static IEnumerable<Finding> OfLayers(Rootfs rootfs) => rootfs.Layers.Any(l => l.Unreadable > 0)
        ?
        [
            new Finding("readable", Finding.Warning, string.Create(
                CultureInfo.InvariantCulture,
                $"{rootfs.Layers.Sum(l => l.Unreadable)} entries of {rootfs.Layers.Count(l => l.Unreadable > 0)} layers in CVMFS cannot be read by this user; with --strategy registry they can")),
        ]
        : [];
}
