using GridWrapper.Images;

namespace GridWrapper.Jobs;

/// <summary>
/// What a job asks for, whatever shape it arrived in. Everything is decoded: shell words split, percent-encoding and Python literals resolved,
/// "NULL" and empty treated as absent. Produced only by the readers of this room; all its faults were reported together before this exists.
/// </summary>
internal sealed record JobRequest
{
    public long? PandaId { get; init; }

    public long? TaskId { get; init; }

    public int? Attempt { get; init; }

    public string? JobName { get; init; }

    /// <summary>Image as named by --containerImage, else containerOptions.containerImage, else container_name.</summary>
    public required ImageReference Image { get; init; }

    /// <summary>The payload text given to /bin/sh inside the container: `-p` percent-decoded (before %IN substitution), or containerOptions.containerExec.</summary>
    public required string Exec { get; init; }

    /// <summary>containerOptions.execArgs, free text for the runtime; null when absent.</summary>
    public string? ExecArgs { get; init; }

    public Sandbox? Sandbox { get; init; }

    /// <summary>Main inputs (`-i`), LFNs or URLs.</summary>
    public ImmutableArray<string> Inputs { get; init; } = [];

    /// <summary>What the job's document says of its inputs; empty for the bare calling convention.</summary>
    public ImmutableArray<InputFile> InputFiles { get; init; } = [];

    /// <summary>Secondary streams (`--inMap`), in the order of the literal.</summary>
    public ImmutableArray<InputStream> InMap { get; init; } = [];

    /// <summary>`--writeInputToTxt` STREAM:file pairs.</summary>
    public ImmutableArray<InputStreamFile> WriteInputToTxt { get; init; } = [];

    public ImmutableArray<OutputSpec> Outputs { get; init; } = [];

    /// <summary>Where the job directory appears inside (`--datadir`, default /ctrdata).</summary>
    public string DataDirectory { get; init; } = "/ctrdata";

    /// <summary>Initial directory inside (`--workdir`), default <see cref="DataDirectory"/>.</summary>
    public string WorkDirectory { get; init; } = "/ctrdata";

    /// <summary>`-l`: the tarball of a build job, an input that is unpacked before the payload runs; null for none, and for transforms that ignore it.</summary>
    public string? Library { get; init; }

    /// <summary>`--cvmfs` was given.</summary>
    public bool WantsCvmfs { get; init; }

    /// <summary>`--noX509` was given.</summary>
    public bool NoX509 { get; init; }

    public string? LogFile { get; init; }

    public string? LogGuid { get; init; }

    public string? LogScope { get; init; }

    public string? Scope { get; init; }

    /// <summary>The storage that the job wants its log at; null where it does not say.</summary>
    public string? LogEndpoint { get; init; }

    /// <summary>The one storage that the job names for all its files; null where it names several or none.</summary>
    public string? Endpoint { get; init; }

    /// <summary>"altStageOut": what one storage does not take may (on) or may not (off) go to another; null where the site decides.</summary>
    public bool? AlternativeStageOut { get; init; }

    public ImmutableArray<string> AllowNoOutput { get; init; } = [];

    public string? ProdSourceLabel { get; init; }

    public string? Transformation { get; init; }

    public int CoreCount { get; init; } = 1;

    /// <summary>MB, null when not set.</summary>
    public long? MinRamMegabytes { get; init; }

    /// <summary>MB, null when not set.</summary>
    public long? MaxDiskMegabytes { get; init; }

    /// <summary>Seconds, null when not set.</summary>
    public long? MaxWalltimeSeconds { get; init; }

    /// <summary>Seconds of processor time on one core, null when not set.</summary>
    public long? MaxCpuSeconds { get; init; }

    /// <summary>"loopingCheck": False in the job: its silence says nothing.</summary>
    public bool NoLoopingCheck { get; init; }

    /// <summary>`--debug` in the job parameters: the container runtime is to say what it does.</summary>
    public bool RuntimeDebug { get; init; }

    /// <summary>"debug": "True" in the job.</summary>
    public bool Debug { get; init; }

    /// <summary>Where the job was before, as the workload manager names it.</summary>
    public string? SourceSite { get; init; }

    /// <summary>Where its outputs go, as the workload manager names it.</summary>
    public string? DestinationSite { get; init; }

    /// <summary>Host-side steps of a multi-step job, run by the pilot before and after the container; null when the job has none.</summary>
    public StepCommand? Preprocess { get; init; }

    public StepCommand? Postprocess { get; init; }

    /// <summary>Options that this program does not know; they are tolerated and noted.</summary>
    public ImmutableArray<string> IgnoredOptions { get; init; } = [];

    /// <summary>Placeholders of a task left in the job (<see cref="TaskTemplate"/>). A dry run shows them as a warning; such a job must not be run.</summary>
    public ImmutableArray<string> UnexpandedTemplates { get; init; } = [];

    public bool HasTemplates => !UnexpandedTemplates.IsEmpty;
}
