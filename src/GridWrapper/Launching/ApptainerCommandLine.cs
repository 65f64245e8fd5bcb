using GridWrapper.Diagnostics;
using GridWrapper.Probing;

namespace GridWrapper.Launching;

/// <summary>
/// Writes the command line and the environment of `apptainer exec`, so that the payload finds what the rootless launcher gives it: its variables, HOME, working
/// directory, /tmp, job directory and binds. gridwrap-init inside starts it; its program is an open descriptor that the runtime hands through. Where the runtime itself sets the
/// variables, it adds PS1, PROMPT_COMMAND, LANG=C where LANG is unset, APPTAINER_* and SINGULARITY_* variables, and /.singularity.d/libs behind a given LD_LIBRARY_PATH. Pure.
/// </summary>
internal static class ApptainerCommandLine
{
    /// <summary>Where the runtime shows the host's libraries for GPUs.</summary>
    private const string Libraries = "/.singularity.d/libs";

    private static readonly RoomLog Log = new(nameof(ApptainerCommandLine));

    internal static LaunchSpec Create(LaunchRequest request, RuntimeFacts runtime)
    {
        ApptainerDialect dialect = ApptainerDialect.Of(runtime);
        ImmutableArray<string> profile = request.Plan.Site.Apptainer.Options;
        // --nv brings the libraries to a place of its own.
        ImmutableSortedDictionary<string, string> variables = PayloadEnvironment.Create(request with { Gpu = null });
        bool scripts = PersonalityRules.Effective(request) == Personality.Singularity && request.Rootfs is { Config: null, Inside.Scripts.IsEmpty: false };
        bool exact = !scripts && !SetVariables(profile);
        // --containall: own pid and ipc namespaces, an own /dev, no variable of the host. --no-home leaves HOME to --home and mounts nothing there.
        return new LaunchSpec
        {
            Launcher = ApptainerLauncher.FixedName,
            Argv =
            [
                runtime.Path, "exec", .. profile, .. scripts ? (string[])["--contain", "--ipc", "--pid"] : ["--containall"], "--no-home", "--home", Home(variables), "--pwd", PayloadDirectory.Create(request),
                .. ApptainerBinds.Options(request, dialect), .. Devices(request), .. request.Writable ? (string[])["--writable-tmpfs"] : [],
                request.Rootfs.LowerDirectories.Single(), InitHelper.ByDescriptor, .. PayloadCommand.Create(request),
            ],
            Environment = Environment(request, new Hand(dialect.Prefix, Evaluated: !profile.Contains("--no-eval") && !profile.Contains("--compat"), scripts, exact), variables),
            StopSignal = PersonalityRules.StopSignal(request),
            WorkingDirectory = request.JobDirectory,
            Terminal = request.Terminal,
            KeepKeyring = request.Isolation.KeepKeyring,
            Inside = Inside(request, exact ? variables : null),
        };
    }

    /// <summary>The payload as the helper starts it. Its variables are handed over as they are, unless the runtime has a part in them: null.</summary>
    private static LaunchSpec Inside(LaunchRequest request, ImmutableSortedDictionary<string, string>? variables) => new()
    {
        Launcher = ApptainerLauncher.FixedName,
        Argv = PayloadCommand.Create(request),
        Environment = variables is null ? ImmutableSortedDictionary<string, string>.Empty
            : Devices(request).Any() ? variables.SetItem("LD_LIBRARY_PATH", variables.TryGetValue("LD_LIBRARY_PATH", out string? path) ? $"{path}:{Libraries}" : Libraries)
            : variables,
        WorkingDirectory = PayloadDirectory.Create(request),
        StopSignal = PersonalityRules.StopSignal(request),
        Terminal = request.Terminal,
        FakeRoot = request.Isolation.FakeRoot,
        DenySystemCalls = request.Isolation.DenySystemCalls,
        KeepKeyring = request.Isolation.KeepKeyring,
    };

    /// <summary>Options of the profile that change the payload's variables.</summary>
    private static bool SetVariables(ImmutableArray<string> profile) =>
        profile.Any(o => o.StartsWith("--env", StringComparison.Ordinal) || o.StartsWith("--nv", StringComparison.Ordinal) || o is "--rocm");

    /// <summary>The only way: Apptainer refuses a HOME among the payload's variables, and splits the option's value at ':'.</summary>
    private static string Home(ImmutableSortedDictionary<string, string> variables) => variables["HOME"] is ['/', ..] home && !home.Contains(':', StringComparison.Ordinal)
        ? home
        : throw Refused($"HOME is '{variables["HOME"]}', and Apptainer takes only an absolute path without ':' for it; set another with --env HOME=…, or use the rootless launcher");

    private static IEnumerable<string> Devices(LaunchRequest request)
    {
        ImmutableArray<string> devices = request.Gpu?.Devices ?? [];
        bool nvidia = devices.Any(d => d.StartsWith("/dev/nvidia", StringComparison.Ordinal));
        bool amd = devices.Any(d => d == "/dev/kfd" || (!nvidia && d.StartsWith("/dev/dri", StringComparison.Ordinal)));
        return [.. nvidia ? (string[])["--nv"] : [], .. amd ? (string[])["--rocm"] : []];
    }

    /// <summary>
    /// The runtime's own process sees a fixed PATH and keeps its own files in the cache. The payload's variables travel as APPTAINERENV_*: `--env` splits at
    /// commas, and the command line is there for everyone to read.
    /// </summary>
    private static ImmutableSortedDictionary<string, string> Environment(LaunchRequest request, Hand hand, ImmutableSortedDictionary<string, string> variables)
    {
        string prefix = hand.Prefix;
        string own = Path.Combine(request.Plan.CacheDirectory, "apptainer");
        ImmutableSortedDictionary<string, string>.Builder result = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        result["PATH"] = PayloadEnvironment.DefaultPath;
        result["HOME"] = own;
        result[prefix + "_CACHEDIR"] = Path.Combine(own, "cache");
        result[prefix + "_TMPDIR"] = request.ScratchDirectory;
        foreach ((string name, string value) in hand.Scripts ? request.Addressed.SetItems(request.Environment) : variables)
        {
            if (hand.Scripts && request.Passed.Contains(name) && name is not "PATH")
            {
                // Apptainer itself hands these on where the image's scripts leave room; --cleanenv, which would stop that, is not among the options then.
                result[name] = value;
            }
            else if (!IsIdentifier(name))
            {
                // One such name would make Apptainer drop all variables, silently.
                if (!hand.Exact)
                {
                    Log.Warn("variable {Name} is not handed to the payload: Apptainer takes only letters, digits and underscores", name);
                }
            }
            else if (name != "HOME")
            {
                result[$"{prefix}ENV_{name}"] = hand.Evaluated ? Escape(value) : value;
            }
        }

        return result.ToImmutable();
    }

    /// <summary>How variables are handed over.</summary>
    /// <param name="Prefix">Of the runtime's own variables.</param>
    /// <param name="Evaluated">The runtime's shell reads the values.</param>
    /// <param name="Scripts">The image's scripts set the image's variables.</param>
    /// <param name="Exact">The helper inside has them all, as they are; what the runtime is told is for one that cannot start the helper.</param>
    private sealed record Hand(string Prefix, bool Evaluated, bool Scripts, bool Exact);

    private static bool IsIdentifier(string name) =>
        name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(c => c == '_' || char.IsAsciiLetterOrDigit(c));

    /// <summary>Apptainer puts values between double quotes into a script for its built-in shell, having escaped double quotes and nothing else.</summary>
    private static string Escape(string value) =>
        value.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("$", @"\$", StringComparison.Ordinal).Replace("`", @"\`", StringComparison.Ordinal);

    internal static GridWrapperException Refused(string message) => new(new Failure
    {
        Blame = Blame.User,
        Phase = Phase.Launch,
        Step = "compose-apptainer",
        PilotErrorCode = PilotError.ContainerBindFailure,
        Message = message,
    });
}
