using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Launching;

/// <summary>What is to be launched, independent of the launcher.</summary>
internal sealed record LaunchRequest
{
    public required Rootfs Rootfs { get; init; }

    public required PlanInput Plan { get; init; }

    /// <summary>User command; empty means the image's own. What comes before it is a matter of <see cref="Personality"/>.</summary>
    public ImmutableArray<string> Command { get; init; } = [];

    public Personality Personality { get; init; }

    /// <summary>The user's own in place of the image's; it clears Cmd, also where it is empty. Null = the image's.</summary>
    public ImmutableArray<string>? Entrypoint { get; init; }

    /// <summary>Host directory of the job: shown writable inside at the same path, and at <see cref="DataDirectory"/> if that is another.</summary>
    public required string JobDirectory { get; init; }

    /// <summary>Host directory on local disk, private to this run, shown as /tmp and /var/tmp.</summary>
    public required string ScratchDirectory { get; init; }

    /// <summary>Second place of the job directory inside (e.g. /ctrdata), null for none.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>HOME as the image has it, not the job directory.</summary>
    public bool ImageHome { get; init; }

    /// <summary>Initial directory inside; null = as the personality says.</summary>
    public string? InitialDirectory { get; init; }

    /// <summary>Variables decided by job, options and profile; they beat the image's Env.</summary>
    public ImmutableSortedDictionary<string, string> Environment { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Names in <see cref="Environment"/> that merely came along with the caller: the profile's list, but for what the batch system says of GPUs.</summary>
    public ImmutableArray<string> Passed { get; init; } = [];

    /// <summary>Variables that the caller addressed to a Singularity payload (APPTAINERENV_X, SINGULARITYENV_X), by the name after the prefix.</summary>
    public ImmutableSortedDictionary<string, string> Addressed { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Binds of options and profile, sources known to exist unless optional. Already expanded.</summary>
    public ImmutableArray<BindMount> Binds { get; init; } = [];

    /// <summary>Host path of the CVMFS root to show at /cvmfs, null for none.</summary>
    public string? CvmfsRoot { get; init; }

    /// <summary>Null where the payload gets no GPU.</summary>
    public GpuSupply? Gpu { get; init; }

    /// <summary>The payload gets a terminal of its own, which the caller's terminal stands behind.</summary>
    public bool Terminal { get; init; }

    /// <summary>The job directory is not shown at its own path; binds may show it elsewhere.</summary>
    public bool HideJobDirectory { get; init; }

    /// <summary>Places inside that get an empty, writable directory of the run's own.</summary>
    public ImmutableArray<string> EmptyDirectories { get; init; } = [];

    /// <summary>The image's own command is run, and <see cref="Command"/> is its arguments. For Singularity's rules only.</summary>
    public bool RunsImage { get; init; }

    public bool Writable { get; init; }

    /// <summary>What the root must show, for its self-test.</summary>
    public ImmutableArray<RootExpectation> Expectations { get; init; } = [];

    public Isolation Isolation { get; init; } = new();
}

/// <summary>One directory or file of the host shown inside.</summary>
internal sealed record BindMount(string Source, string Target, bool ReadOnly, bool Optional);
