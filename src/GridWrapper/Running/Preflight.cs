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
    internal async Task<ImmutableArray<Finding>> CheckAsync(PlanInput input, ImmutableArray<string> layers, ImmutableArray<string> candidates, CancellationToken ct) =>
        (await ExamineAsync(input, new ProgramQuestion(layers, candidates) { MountPoints = PreflightPlaces.Always, Packed = PackedLook.Open }, ct)).Findings;

    /// <summary>For a plan: with the image's own command where the tree is on this node already.</summary>
    internal async Task<ImmutableArray<Finding>> OfPlanAsync(Prepared prepared, Rootfs? rootfs, CancellationToken ct) =>
        rootfs is null or { Look: not null } or { IsServed: true } ? await CheckAsync(prepared.Input, [], [], ct) : [.. await CheckAsync(prepared.Input, rootfs.Visible, Candidates(rootfs), ct), .. PreflightPlaces.OfLayers(rootfs)];

    /// <returns>The request with what the assembled root will have to show, and what was found.</returns>
    /// <exception cref="GridWrapperException">The payload cannot start on this node.</exception>
    internal async Task<(LaunchRequest Request, ImmutableArray<Finding> Findings)> DemandAsync(LaunchRequest request, CancellationToken ct)
    {
        (LaunchRequest Request, ImmutableArray<Finding> Findings) looked = await LookAsync(request, ct);
        return looked.Findings.FirstOrDefault(f => f.Failure is not null) is { Failure: { } failure } ? throw new GridWrapperException(failure) : looked;
    }

    /// <summary>The same for a dry run, which shows what would be launched whatever is found.</summary>
    internal async Task<(LaunchRequest Request, ImmutableArray<Finding> Findings)> LookAsync(LaunchRequest request, CancellationToken ct)
    {
        if (request.Rootfs.Look is not null)
        {
            // Only a few of its files can be seen before it is mounted.
            return (request, await CheckAsync(request.Plan, [], [], ct));
        }

        ProgramQuestion question = new(request.Rootfs.Visible, Candidates(request)) { MountPoints = PreflightPlaces.Of(request), Removals = request.Rootfs.Removals, Tree = request.Rootfs.Tree, Packed = PackedLook.Open };
        (ImmutableArray<Finding> findings, ImmutableArray<RootExpectation> expectations) = await ExamineAsync(request.Plan, question, ct);
        RootExpectation[] writing = request.Writable && !expectations.IsEmpty
            ? [RootExpectation.Writable("/"), .. expectations.Where(e => e.IsFile).Take(1).Select(e => RootExpectation.CopyUp(e.Path))]
            : [];
        return (request with { Expectations = [.. expectations, .. writing] }, [.. findings, .. PreflightPlaces.OfLayers(request.Rootfs)]);
    }

    private async Task<(ImmutableArray<Finding> Findings, ImmutableArray<RootExpectation> Expectations)> ExamineAsync(PlanInput input, ProgramQuestion question, CancellationToken ct)
    {
        Finding platform = OfPlatform(input);
        Finding unasked = new("program", Finding.Unknown, "it is not known which program of the image will run");
        if (question is { Layers.IsEmpty: true, Tree: null })
        {
            return ([platform, unasked], []);
        }

        Fact<ProgramNeeds> found = await new ProgramProbe(children).FindAsync(question, settings.Site.Cvmfs, ct);
        if (!found.IsKnown(out ProgramNeeds needs))
        {
            return ([platform, new Finding("program", Finding.Unknown, found.Why)], []);
        }

        IEnumerable<Finding> program = question.Candidates.IsEmpty ? [unasked] : Judge(needs, input.Host.Node, question.Candidates);
        return ([platform, .. program, .. PreflightPlaces.Judge(needs.MountPoints)], needs.Expectations);
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
        if (needs.Unreadable is { } closed)
        {
            findings.Add(Fatally("readable", $"{closed} can neither be read nor executed by this user where it lies; a copy of its layer that was pulled from the registry can", Closed));
        }
        else if (needs.InterpreterMissing)
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

    internal static Finding Fatally(string check, string detail, Failure like) => new(check, Finding.Fatal, detail) { Failure = like with { Message = $"the payload cannot start on this node: {detail}" } };

    private static Failure CpuTooOld => Unfit(Blame.Site, null, ExitCodes.TryElsewhere);

    private static Failure WrongMachine => Unfit(Blame.Image, "ENOEXEC", ExitCodes.NotExecutable);

    private static Failure Missing => Unfit(Blame.Image, "ENOENT", ExitCodes.NotFound);

    /// <summary>Another way of getting the image may give a copy that can be read: the step is one that does not end the search.</summary>
    private static Failure Closed => Unfit(Blame.Cvmfs, "EACCES", ExitCodes.NotExecutable) with { Step = "preflight-unreadable" };

    /// <summary>What stops the payload on this node; the message is the finding's.</summary>
    internal static Failure Unfit(Blame blame, string? errno, int exitCode) => new()
    {
        Blame = blame,
        Phase = Phase.Launch,
        Step = Step,
        Errno = errno,
        PilotErrorCode = errno is null ? PilotError.ContainerGeneralFailure : PilotError.PayloadExecutionFailure,
        Message = "",
        Retryable = blame is Blame.Site or Blame.Cvmfs,
        ExitCode = exitCode,
    };
}
