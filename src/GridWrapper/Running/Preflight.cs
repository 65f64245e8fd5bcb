using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>
/// Checks an image against the node before the payload starts: what a payload would die of in its first second, with a message of the kernel or the loader
/// that helps nobody, is told here in words, with blame and code.
/// </summary>
internal sealed class Preflight(RunSettings settings, IProbeChildren children)
{
    internal const string Step = "preflight";

    /// <summary>What is known without the image's files. Pure.</summary>
    internal static Finding OfPlatform(PlanInput input)
    {
        NodeFacts node = input.Host.Node;
        Platform? platform = input.Image.Resolved.IsKnown(out ResolvedImage image) ? image.Config.Platform : null;
        if (platform is null or { Architecture: "unknown" })
        {
            return new Finding("platform", Finding.Unknown, "the image's configuration is not known or does not say");
        }

        string what = $"the image is for {platform}, this node is {node.Architecture} ({node.CpuLevel})";
        return PlatformSelector.Fits(platform, node.Architecture, node.CpuLevel) || node.CpuLevel == "unknown"
            ? new Finding("platform", Finding.Ok, what)
            : Fatally("platform", $"{what}; send the job to a node with a newer processor, or build the image for an older one", CpuTooOld);
    }

    /// <summary>All checks; for plans that are shown to people, and before each launch.</summary>
    internal async Task<ImmutableArray<Finding>> CheckAsync(PlanInput input, ImmutableArray<string> layers, ImmutableArray<string> candidates, CancellationToken ct)
    {
        Finding platform = OfPlatform(input);
        if (candidates.IsEmpty || layers.IsEmpty)
        {
            return [platform, new Finding("program", Finding.Unknown, "it is not known which program of the image will run")];
        }

        Fact<ProgramNeeds> found = await new ProgramProbe(children).FindAsync(new ProgramQuestion(layers, candidates), settings.Site.Cvmfs, ct);
        return found.IsKnown(out ProgramNeeds needs) ? [platform, .. Judge(needs, input.Host.Node, candidates)] : [platform, new Finding("program", Finding.Unknown, found.Why)];
    }

    /// <summary>For a plan: with the image's own command where the tree is on this node already.</summary>
    internal async Task<ImmutableArray<Finding>> OfPlanAsync(Prepared prepared, Rootfs? rootfs, CancellationToken ct) =>
        await CheckAsync(prepared.Input, rootfs?.LowerDirectories ?? [], rootfs is null ? [] : Candidates(rootfs), ct);

    /// <exception cref="GridWrapperException">The payload cannot start on this node.</exception>
    internal async Task DemandAsync(LaunchRequest request, CancellationToken ct)
    {
        ImmutableArray<Finding> findings = await CheckAsync(request.Plan, request.Rootfs.LowerDirectories, Candidates(request), ct);
        if (findings.FirstOrDefault(f => f.Failure is not null) is { Failure: { } failure })
        {
            throw new GridWrapperException(failure);
        }
    }

    /// <summary>Where the first word of the payload's command may lead; empty where that is not in the image but in something shown over it.</summary>
    internal static ImmutableArray<string> Candidates(LaunchRequest request)
    {
        string? program = Program(request);
        if (program is null)
        {
            return [];
        }

        string path = PayloadEnvironment.Create(request).GetValueOrDefault("PATH", "/usr/local/bin:/usr/bin:/bin");
        string[] all = program.Contains('/', StringComparison.Ordinal)
            ? program.StartsWith('/') ? [program] : []
            : [.. path.Split(':').Where(d => d.StartsWith('/')).Select(d => $"{d.TrimEnd('/')}/{program}")];
        string[] shown = [request.JobDirectory, request.DataDirectory ?? "/tmp", "/tmp", "/var/tmp", "/cvmfs", "/proc", "/dev", "/sys", .. request.Binds.Select(b => b.Target)];
        return all.Any(p => shown.Any(s => CvmfsPath.IsBelow(p, s))) ? [] : [.. all];
    }

    private static string? Program(LaunchRequest request)
    {
        try
        {
            return PayloadCommand.Create(request)[0];
        }
        catch (GridWrapperException)
        {
            // There is no command. The launcher says so, and says what to do.
            return null;
        }
    }

    /// <summary>For a plan, where no command is known: the image's own, or a shell.</summary>
    internal static ImmutableArray<string> Candidates(Rootfs rootfs)
    {
        string? own = rootfs.Config?.Entrypoint.Concat(rootfs.Config.Cmd).FirstOrDefault();
        return own is null ? ["/bin/sh"] : own.StartsWith('/') ? [own] : [.. ((string[])["/usr/local/bin/", "/usr/bin/", "/bin/"]).Select(d => d + own)];
    }

    private static List<Finding> Judge(ProgramNeeds needs, NodeFacts node, ImmutableArray<string> candidates)
    {
        if (needs.Program is not { } program)
        {
            return [new Finding("program", Finding.Unknown, $"none of {string.Join(", ", candidates)} is in the image")];
        }

        List<Finding> findings = [];
        if (needs.InterpreterMissing)
        {
            findings.Add(Fatally("interpreter", $"{needs.Script} begins with #!{needs.Interpreter}, which is not in the image; name another interpreter in its first line, or add it to the image", Missing));
        }
        else if (needs.Architecture.Length > 0 && needs.Architecture != node.Architecture)
        {
            findings.Add(Fatally("architecture", $"{program} is a program for {needs.Architecture}, this node is {node.Architecture}; the image says otherwise of itself, or says nothing", WrongMachine));
        }
        else if (needs.LoaderMissing)
        {
            findings.Add(Fatally("loader", $"{program} needs the loader {needs.Loader}, which is not in the image; install the C library that the program was built with, or link it statically", Missing));
        }
        else if (needs.Architecture == "amd64" && Level(node.CpuLevel) is { } level && needs.CpuLevel > level)
        {
            findings.Add(Fatally("cpu-level", $"{program} was built for x86-64-v{needs.CpuLevel}, this node's processor is {node.CpuLevel}; send the job to a node with a newer processor", CpuTooOld));
        }

        if (findings.Count == 0)
        {
            findings.Add(new Finding("program", Finding.Ok, Good(needs)));
        }

        return findings;
    }

    private static string Good(ProgramNeeds needs)
    {
        string loader = needs.Loader.Length > 0 ? $", loader {needs.Loader}" : "";
        string script = needs.Script.Length > 0 ? $" is a script for {needs.Interpreter}" : "";
        return needs.Architecture.Length > 0 ? $"{needs.Program}{script}: {needs.Architecture}{loader}" : $"{needs.Program}{script}";
    }

    private static int? Level(string cpuLevel) => cpuLevel is ['x', .., 'v', var digit] && char.IsAsciiDigit(digit) ? digit - '0' : null;

    private static Finding Fatally(string check, string detail, Failure like) => new(check, Finding.Fatal, detail) { Failure = like with { Message = $"the payload cannot start on this node: {detail}" } };

    private static Failure CpuTooOld => new()
    {
        Blame = Blame.Site,
        Phase = Phase.Launch,
        Step = Step,
        PilotErrorCode = PilotError.ContainerGeneralFailure,
        Message = "",
        Retryable = true,
        ExitCode = ExitCodes.TryElsewhere,
    };

    private static Failure WrongMachine => new()
    {
        Blame = Blame.Image,
        Phase = Phase.Launch,
        Step = Step,
        Errno = "ENOEXEC",
        PilotErrorCode = PilotError.PayloadExecutionFailure,
        Message = "",
        ExitCode = ExitCodes.NotExecutable,
    };

    private static Failure Missing => new()
    {
        Blame = Blame.Image,
        Phase = Phase.Launch,
        Step = Step,
        Errno = "ENOENT",
        PilotErrorCode = PilotError.PayloadExecutionFailure,
        Message = "",
        ExitCode = ExitCodes.NotFound,
    };
}
