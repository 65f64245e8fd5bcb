using GridWrapper.Diagnostics;
using GridWrapper.Launching;

namespace GridWrapper.Reporting;

/// <summary>
/// Reads the reason of a payload's bad end from the ends of its streams, its report and a core file, as the PanDA pilot does after a job that it ran itself. Only an end that
/// has no better code than "returned something other than 0" is read this way. Pure.
/// </summary>
internal static class PayloadSigns
{
    /// <summary>jobReport.json's exitCode for a source tarball that could not be had.</summary>
    private const int ReportsNoTarball = 146;

    private static readonly ImmutableArray<Rule> Rules =
    [
        new(PilotError.PayloadOutOfMemory, Blame.User, "payload-out-of-memory", "it could not get the memory that it asked for; ask for more, or let it use less",
            ["FATAL out of memory: taking the application down", "St9bad_alloc", "std::bad_alloc"]),
        new(PilotError.SetupFatal, Blame.User, "payload-release-setup", "the release could not be set up; see whether the image and the platform have the release that the job names",
            ["AtlasSetup(FATAL): Fatal exception"]),
        new(PilotError.NoLocalSpace, Blame.Site, "payload-disk-full", "a file system that it writes to is full, or a quota is used up; the job may ask for more disk, the site free some",
            ["No space left on device"]),
        new(PilotError.MissingUserCode, Blame.User, "payload-source-tarball", "the tarball with the user's code is gone from the server, or was never there; submit the task again",
            ["ERROR: unable to fetch source tarball from web"]),
        new(PilotError.PayloadSegmentationFault, Blame.User, "payload-segmentation-fault", "a program of it died of SEGV; run the same by `gridwrap exec IMAGE -- CMD` to debug it", ["got a SIGSEGV signal"]),
    ];

    /// <param name="run">How the payload ended.</param>
    /// <param name="stdout">The end of payload.stdout.</param>
    /// <param name="stderr">The end of payload.stderr.</param>
    /// <param name="reportedExitCode">exitCode of the payload's own jobReport.json; null where it left none.</param>
    /// <param name="core">Name of a core file in the job directory; null without one.</param>
    internal static PayloadSign? Of(RunResult run, string stdout, string stderr, int? reportedExitCode, string? core)
    {
        if (ReportMapper.PilotCode(run, killedByServer: false, signalReceived: null) != PilotError.PayloadExecutionFailure)
        {
            return null;
        }

        return Rules.Select(r => OfStreams(run, r, stdout, stderr)).FirstOrDefault(static s => s is not null)
            ?? MissingSetup(run, stdout, stderr)
            ?? (reportedExitCode == ReportsNoTarball ? Sign(run, PilotError.NoUserTarball, Blame.Site, "payload-source-tarball", $"its jobReport.json says exitCode {ReportsNoTarball}: the source tarball could not be fetched or unpacked") : null)
            ?? (core is null ? null : Sign(run, PilotError.CoreDump, Blame.User, "payload-core", $"it left the core file {core}: a program of it crashed; open it with gdb and the program from the image"));
    }

    private static PayloadSign? OfStreams(RunResult run, Rule rule, string stdout, string stderr)
    {
        foreach (string text in rule.Texts)
        {
            if ((Line(stderr, text), Line(stdout, text)) is var (err, output) && (err ?? output) is { } line)
            {
                return Sign(run, rule.PilotErrorCode, rule.Blame, rule.Step, $"payload.{(err is null ? "stdout" : "stderr")} says '{line}': {rule.Advice}");
            }
        }

        return null;
    }

    /// <summary>A shell that reads a set-up script which is not there. On CVMFS that is a repository that is not shown or does not have the release.</summary>
    private static PayloadSign? MissingSetup(RunResult run, string stdout, string stderr)
    {
        string? line = (stderr + "\n" + stdout).Split('\n').FirstOrDefault(static l => l.Contains("setup.sh", StringComparison.Ordinal) && l.Contains("sh: ", StringComparison.Ordinal)
            && l.Contains("No such file", StringComparison.Ordinal));
        return line is null ? null : Sign(
            run,
            PilotError.MissingInstallation,
            line.Contains("/cvmfs/", StringComparison.Ordinal) ? Blame.Cvmfs : Blame.User,
            "payload-installation",
            $"a shell of it says '{ServerAnswer.OneLine(line)}': the software that it sets up is not there; look whether the image has it, or whether CVMFS is shown (--cvmfs) and has the release");
    }

    private static string? Line(string stream, string text)
    {
        int at = stream.IndexOf(text, StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        int begin = stream.LastIndexOf('\n', at) + 1;
        int end = stream.IndexOf('\n', at);
        return ServerAnswer.OneLine(stream[begin..(end < 0 ? stream.Length : end)]);
    }

    private static PayloadSign Sign(RunResult run, int code, Blame blame, string step, string what) => new(code, blame, step, $"{ReportMapper.Diagnose(run)}, and {what}");

    private sealed record Rule(int PilotErrorCode, Blame Blame, string Step, string Advice, ImmutableArray<string> Texts);
}
