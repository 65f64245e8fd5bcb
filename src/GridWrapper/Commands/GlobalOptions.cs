using System.CommandLine;

namespace GridWrapper.Commands;

/// <summary>The options of docs/user-guide.md, one instance each, shared by the commands that take them.</summary>
internal static class GlobalOptions
{
    internal static readonly Option<string?> Site = new("--site") { Description = "site profile: a name of `gridwrap site list`, or a file", HelpName = "NAME|FILE" };
    internal static readonly Option<string?> WorkDirectory = new("--workdir") { Description = "job directory (default: the current directory)", HelpName = "DIR" };
    internal static readonly Option<string?> Cache = new("--cache") { Description = "the node's cache (default: GRIDWRAP_CACHE, the profile, ${TMPDIR:-/tmp}/gridwrap-<uid>)", HelpName = "DIR" };
    internal static readonly Option<string?> Strategy = new("--strategy") { Description = "force one strategy", HelpName = "NAME" };
    internal static readonly Option<string?> Launcher = new("--launcher") { Description = "force one launcher", HelpName = "NAME" };
    internal static readonly Option<bool> Json = new("--json") { Description = "one JSON document on stdout instead of text" };
    internal static readonly Option<string?> LogLevel = new("--log-level") { Description = "trace, debug, info, warn, error (default: warn on stderr)", HelpName = "LEVEL" };
    internal static readonly Option<bool> Quiet = new("--quiet") { Description = "errors only" };
    internal static readonly Option<string?> Timeout = new("--timeout") { Description = "end the payload after this many seconds of wall time", HelpName = "SECONDS" };
    internal static readonly Option<bool> DryRun = new("--dry-run") { Description = "print what would happen; fetch nothing but manifests, write nothing" };
    internal static readonly Option<string[]> Bind = new("--bind") { Description = "show a host path inside, repeatable", HelpName = "SRC[:DST[:ro]]", AllowMultipleArgumentsPerToken = false };
    internal static readonly Option<string[]> Env = new("--env") { Description = "set a variable for the payload, repeatable", HelpName = "K=V", AllowMultipleArgumentsPerToken = false };
    internal static readonly Option<string?> InitialDirectory = new("--pwd") { Description = "initial directory inside", HelpName = "DIR" };
    internal static readonly Option<string?> Gpu = new("--gpu") { Description = "auto, on or off", HelpName = "auto|on|off" };
    internal static readonly Option<bool> Writable = new("--writable") { Description = "make the root writable; what is written is lost at the end" };
    internal static readonly Option<string?> Personality = new("--personality") { Description = "oci (Entrypoint is honoured) or singularity (it is not)", HelpName = "oci|singularity" };
    internal static readonly Option<string?> RegistryConfig = new("--registry-config") { Description = "registry credentials in docker's config.json form", HelpName = "FILE" };
    internal static readonly Option<string?> Server = new("--server") { Description = "report to this workload manager", HelpName = "URL" };
    internal static readonly Option<bool> NoReport = new("--no-report") { Description = "report nothing, whatever the profile says" };
    internal static readonly Option<string?> StageOut = new("--stage-out") { Description = "copy the outputs there", HelpName = "DIR" };
    internal static readonly Option<string?> Result = new("--result") { Description = "where the result document goes (default: gridwrap-result.json in the job directory)", HelpName = "FILE" };
    internal static readonly Option<string?> Job = new("--job") { Description = "job definition in any of PanDA's shapes; - is stdin", HelpName = "FILE" };
    internal static readonly Option<bool> PullJob = new("--pull-job") { Description = "ask the workload manager for one job and run it" };
    internal static readonly Option<string?> Queue = new("--queue") { Description = "PanDA queue to ask for and to report as", HelpName = "NAME" };

    /// <summary>Taken by every command.</summary>
    internal static readonly ImmutableArray<Option> Common = [Site, Cache, Json, LogLevel, Quiet];

    /// <summary>Taken by everything that plans.</summary>
    internal static readonly ImmutableArray<Option> Planning = [Strategy, Launcher, RegistryConfig, WorkDirectory];

    /// <summary>Taken by everything that launches.</summary>
    internal static readonly ImmutableArray<Option> Launching = [Timeout, DryRun, Bind, Env, InitialDirectory, Gpu, Writable, Personality];

    /// <summary>Taken by `run`.</summary>
    internal static readonly ImmutableArray<Option> Running = [Job, PullJob, Server, Queue, NoReport, StageOut, Result];
}
