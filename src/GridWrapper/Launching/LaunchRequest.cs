using GridWrapper.Planning;
using GridWrapper.Strategies;

namespace GridWrapper.Launching;

/// <summary>What is to be launched, independent of the launcher.</summary>
internal sealed record LaunchRequest
{
    public required Rootfs Rootfs { get; init; }

    public required PlanInput Plan { get; init; }

    /// <summary>User command; empty means the image's own Entrypoint/Cmd. With the oci personality and a non-empty Entrypoint see <see cref="UseEntrypoint"/>.</summary>
    public ImmutableArray<string> Command { get; init; } = [];

    /// <summary>True: OCI rules (Entrypoint + command-or-Cmd). False: the command alone is executed, as `exec` of Singularity does.</summary>
    public bool UseEntrypoint { get; init; }

    /// <summary>Host directory of the job: shown writable inside at the same path, and at <see cref="DataDirectory"/> if that is another.</summary>
    public required string JobDirectory { get; init; }

    /// <summary>Host directory on local disk, private to this run, shown as /tmp and /var/tmp.</summary>
    public required string ScratchDirectory { get; init; }

    /// <summary>Second place of the job directory inside (e.g. /ctrdata), null for none.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Initial directory inside; null = the image's WorkingDir, or the job directory where the image has none.</summary>
    public string? InitialDirectory { get; init; }

    /// <summary>Variables decided by job, options and profile; they beat the image's Env.</summary>
    public ImmutableSortedDictionary<string, string> Environment { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Binds of options and profile, sources known to exist unless optional. Already expanded.</summary>
    public ImmutableArray<BindMount> Binds { get; init; } = [];

    /// <summary>Host path of the CVMFS root to show at /cvmfs, null for none.</summary>
    public string? CvmfsRoot { get; init; }

    /// <summary>GPU device nodes to show.</summary>
    public ImmutableArray<string> Devices { get; init; } = [];

    /// <summary>stdin is a terminal that the payload should own.</summary>
    public bool Interactive { get; init; }

    public bool Writable { get; init; }
}

/// <summary>One directory or file of the host shown inside.</summary>
internal sealed record BindMount(string Source, string Target, bool ReadOnly, bool Optional);
