using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>
/// The container part of ATLASLocalRootBase as PanDA's pilot uses it: `alrb -c IMAGE -s SETUP -r RUN [-e OPTIONS] [-d] [more]`. The job directory is /srv, SETUP is
/// read and RUN is run in one shell of the image. `alrb --takes …` only tells, by 0 or 1, whether such a line is one for a container here; the others (middleware, an operating
/// system's nickname, no container at all) belong to the real ATLASLocalRootBase.
/// </summary>
internal static class AlrbFace
{
    private const string Inside = "/srv";

    /// <summary>bash where the image has one: releases are set up by scripts for it. The job's number stands on the command line, because memory monitors look for it there.</summary>
    private const string Script = """
        if [ -z "${BASH_VERSION:-}" ] && command -v bash >/dev/null 2>&1; then exec bash -c "$0" "$0" "$@"; fi
        gridwrap_setup=$1 gridwrap_run=$2
        set --
        [ -z "$gridwrap_setup" ] || . "$gridwrap_setup"
        case $gridwrap_run in *[!A-Za-z0-9_./-]*) eval "$gridwrap_run" ;; *) . "$gridwrap_run" ;; esac
        """;

    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(ImmutableArray<string> words)
    {
        try
        {
            if (words is ["--takes", ..])
            {
                return AlrbWords.TryRead(words[1..]) is { IsOurs: true } ? 0 : 1;
            }

            AlrbWords read = AlrbWords.Read(words);
            RunSettings caller = ApptainerCaller.Create(new OptionValues());
            DemandSetup(read, caller.WorkDirectory);
            return await ExecCommand.RunAsync(Settings(read, caller), read.Reference, Command(read, caller), CancellationToken.None);
        }
        catch (GridWrapperException e)
        {
            return ErrorReport.PrintFatal(e.Failure);
        }
    }

    /// <summary>The release is set up by a script that the pilot writes into the job directory.</summary>
    /// <exception cref="GridWrapperException">It is not there: every program of the release would be missing, too.</exception>
    internal static void DemandSetup(AlrbWords read, string jobDirectory)
    {
        if (read.Setup is { } setup && setup.StartsWith(Inside + "/", StringComparison.Ordinal) && !File.Exists(jobDirectory + setup[Inside.Length..]))
        {
            throw new GridWrapperException(new Failure
            {
                Blame = Blame.Site,
                Phase = Phase.Job,
                Step = "release-setup",
                PilotErrorCode = PilotError.MissingReleaseUnpacked,
                Message = $"the release of the job would be set up by {setup}, which is {jobDirectory + setup[Inside.Length..]} on this node, and that file is not there: see why the pilot did not write it",
                Retryable = true,
            });
        }
    }

    private static RunSettings Settings(AlrbWords read, RunSettings caller)
    {
        ImmutableArray<string> options;
        try
        {
            options = ShellWords.Split(read.Options ?? "-c -i");
        }
        catch (FormatException e)
        {
            throw GridWrapperException.BadCommandLine($"the options of -e, {Quoted.Text(read.Options)}, are no words of a shell: {e.Message}");
        }

        ApptainerWords apptainer = ApptainerWords.Read("alrb -e", ApptainerOption.OfRun, options).With(ApptainerOption.OfRun, caller.Environment);
        if (apptainer.Rest is [{ } extra, ..])
        {
            throw GridWrapperException.BadCommandLine($"the options of -e hold {Quoted.Text(extra)}, which is no option");
        }

        ImmutableArray<(ApptainerMeaning, string)> shown =
        [
            (ApptainerMeaning.Home, $"{caller.WorkDirectory}:{Inside}"),
            (ApptainerMeaning.InitialDirectory, Inside),
            .. read.Mounts.Select(m => (ApptainerMeaning.Bind, m)),
        ];
        RunSettings settings = new ApptainerSettings(apptainer with { Given = [.. apptainer.Given, .. shown] }, caller).Create(runsImage: false);
        return settings with
        {
            AsApptainer = settings.AsApptainer! with { HideWorkDirectory = true },
            Site = settings.Site with
            {
                Cvmfs = settings.Site.Cvmfs with { BindIntoPayload = settings.Site.Cvmfs.BindIntoPayload && !read.NoCvmfs },
                Environment = settings.Site.Environment with { Pass = [.. settings.Site.Environment.Pass.Where(n => caller.Site.Environment.GiveProxy || n != "X509_USER_PROXY")] },
            },
            Binds = [.. settings.Binds, .. Proxy(caller)],
        };
    }

    /// <summary>The proxy at its own path, where the profile gives it.</summary>
    private static IEnumerable<Launching.BindMount> Proxy(RunSettings caller) =>
        caller.Site.Environment.GiveProxy && caller.Environment.GetValueOrDefault("X509_USER_PROXY") is ['/', ..] proxy
            ? [new Launching.BindMount(proxy, proxy, ReadOnly: true, Optional: true)]
            : [];

    private static ImmutableArray<string> Command(AlrbWords read, RunSettings caller)
    {
        string number = caller.Environment.GetValueOrDefault("PandaID") is { Length: > 0 } id && id.All(char.IsAsciiDigit) ? $"export PandaID={id};\n" : "";
        return ["/bin/sh", "-c", number + Script, number + Script, read.Setup ?? "", read.Run!];
    }
}
