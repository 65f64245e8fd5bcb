namespace GridWrapper.Commands;

/// <summary>The options that several commands take, one instance each.</summary>
internal static class GlobalOptions
{
    internal static readonly OptionSpec Site = new("--site", OptionKind.Text, "site profile: a name of `gridwrap site list`, or a file", "NAME|FILE");
    internal static readonly OptionSpec WorkDirectory = new("--workdir", OptionKind.Text, "job directory (default: the current directory)", "DIR");
    internal static readonly OptionSpec Cache = new("--cache", OptionKind.Text, "the node's cache (default: GRIDWRAP_CACHE, the profile, ${TMPDIR:-/tmp}/gridwrap-<uid>)", "DIR");
    internal static readonly OptionSpec Strategy = new("--strategy", OptionKind.Text, "force one strategy", "NAME");
    internal static readonly OptionSpec Launcher = new("--launcher", OptionKind.Text, "force one launcher", "NAME");
    internal static readonly OptionSpec Json = new("--json", OptionKind.Flag, "one JSON document on stdout instead of text");
    internal static readonly OptionSpec LogLevel = new("--log-level", OptionKind.Text, "trace, debug, info, warn, error (default: warn on stderr)", "LEVEL");
    internal static readonly OptionSpec Quiet = new("--quiet", OptionKind.Flag, "errors only");
    internal static readonly OptionSpec Timeout = new("--timeout", OptionKind.Text, "end the payload after this many seconds of wall time", "SECONDS");
    internal static readonly OptionSpec MemoryLimit = new("--memory-limit", OptionKind.Text, "end the payload when it uses more memory than this", "BYTES[K|M|G|T]");
    internal static readonly OptionSpec DryRun = new("--dry-run", OptionKind.Flag, "print what would happen; fetch nothing but manifests, write nothing");
    internal static readonly OptionSpec Bind = new("--bind", OptionKind.List, "show a host path inside, repeatable", "SRC[:DST[:ro]]");
    internal static readonly OptionSpec Env = new("--env", OptionKind.List, "set a variable for the payload, repeatable", "K=V");
    internal static readonly OptionSpec InitialDirectory = new("--pwd", OptionKind.Text, "initial directory inside", "DIR");
    internal static readonly OptionSpec Gpu = new("--gpu", OptionKind.Text, "auto, on or off", "auto|on|off");
    internal static readonly OptionSpec Writable = new("--writable", OptionKind.Flag, "make the root writable; what is written is lost at the end");
    internal static readonly OptionSpec FakeRoot = new("--fake-root", OptionKind.Flag, "be root inside: changes of owner and user succeed without being made (for images that insist)");
    internal static readonly OptionSpec Personality = new("--personality", OptionKind.Text, "whose rules: oci (Entrypoint, WorkingDir or /) or singularity (command alone, runscript, /.singularity.d/env); default: by call style", "oci|singularity");
    internal static readonly OptionSpec Entrypoint = new("--entrypoint", OptionKind.Text, "run WORD in place of the image's entry point, with CMD as its arguments; empty clears it", "WORD");
    internal static readonly OptionSpec ImageHome = new("--image-home", OptionKind.Flag, "HOME as the image has it (Env, then its User's entry) instead of the job directory");
    internal static readonly OptionSpec RegistryConfig = new("--registry-config", OptionKind.Text, "registry credentials in docker's config.json form", "FILE");
    internal static readonly OptionSpec Server = new("--server", OptionKind.Text, "report to this workload manager", "URL");
    internal static readonly OptionSpec NoReport = new("--no-report", OptionKind.Flag, "report nothing, whatever the profile says");
    internal static readonly OptionSpec StageIn = new("--stage-in", OptionKind.List, "fetch inputs that are not in the job directory from there; repeatable, asked in this order", "DIR|URL");
    internal static readonly OptionSpec StageOut = new("--stage-out", OptionKind.List, "deliver the outputs there; repeatable, the next is for when the first does not take a file", "DIR|URL");
    internal static readonly OptionSpec Result = new("--result", OptionKind.Text, "where the result document goes (default: gridwrap-result.json in the job directory)", "FILE");
    internal static readonly OptionSpec Job = new("--job", OptionKind.Text, "job definition in any of PanDA's shapes; - is stdin", "FILE");
    internal static readonly OptionSpec PullJob = new("--pull-job", OptionKind.Flag, "ask the workload manager for a job and run it; for several with --jobs or --lifetime");
    internal static readonly OptionSpec Jobs = new("--jobs", OptionKind.Text, "with --pull-job: go on asking until that many jobs were run, each in a directory of its own", "N");
    internal static readonly OptionSpec Lifetime = new("--lifetime", OptionKind.Text, "with --pull-job: the slot's time; no job is asked for near its end, and none runs beyond it", "SECONDS");
    internal static readonly OptionSpec SourceLabel = new("--source-label", OptionKind.Text, "with --pull-job: which kind of jobs to ask for (default: user)", "NAME");
    internal static readonly OptionSpec Queue = new("--queue", OptionKind.Text, "PanDA queue to ask for and to report as", "NAME");

    internal static readonly OptionSpec Trace = new("--trace", OptionKind.Flag, "which files payloads read first in this image on this node, when it was served to them: a path in each line");
    internal static readonly OptionSpec Format = new("--format", OptionKind.Text, "text, json, or classad: what HTCondor and glideinWMS advertise of a machine", "text|json|classad");

    /// <summary>Taken by every command.</summary>
    internal static readonly ImmutableArray<OptionSpec> Common = [Site, Cache, Json, LogLevel, Quiet];

    /// <summary>Taken by everything that plans.</summary>
    internal static readonly ImmutableArray<OptionSpec> Planning = [Strategy, Launcher, RegistryConfig, WorkDirectory];

    /// <summary>Taken by everything that launches.</summary>
    internal static readonly ImmutableArray<OptionSpec> Launching = [Timeout, MemoryLimit, DryRun, Bind, Env, InitialDirectory, Gpu, Writable, FakeRoot, Personality, Entrypoint, ImageHome];

    /// <summary>Taken by `run`.</summary>
    internal static readonly ImmutableArray<OptionSpec> Running = [Job, PullJob, Jobs, Lifetime, SourceLabel, Server, Queue, NoReport, StageIn, StageOut, Result];

    /// <summary>All that `exec` takes.</summary>
    internal static readonly ImmutableArray<OptionSpec> OfExec = [.. Common, .. Planning, .. Launching];

    /// <summary>All of them.</summary>
    internal static readonly ImmutableArray<OptionSpec> All = [.. OfExec, .. Running];

    /// <summary>The option of exactly this name, null if none has it.</summary>
    internal static OptionSpec? Find(string name, ImmutableArray<OptionSpec> options)
    {
        foreach (OptionSpec option in options)
        {
            if (option.Name == name)
            {
                return option;
            }
        }

        return null;
    }
}
