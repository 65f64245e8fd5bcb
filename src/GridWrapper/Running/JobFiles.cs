using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Reporting;

namespace GridWrapper.Running;

/// <summary>The documents a job leaves in its directory, each written whole or not at all.</summary>
internal sealed class JobFiles(RunSettings settings)
{
    internal const string ResultName = "gridwrap-result.json";

    private static readonly RoomLog Log = new(nameof(JobFiles));

    /// <summary>Exit codes that the pilot takes for something else (lsetup time-out, remote open time-out, unknown transform failure, 255 as 0).</summary>
    private static readonly ImmutableArray<int> Misread = [2, 3, 251, 255];

    /// <summary>What gridwrap exits with for the payload's exit code.</summary>
    internal static int ExitCode(int payloadCode, bool underPilot) => underPilot && Misread.Contains(payloadCode) ? 1 : payloadCode;

    /// <summary>The payload's own report is kept; without one a minimal one is written.</summary>
    /// <returns>The report's text.</returns>
    internal string WriteJobReport(JobOutcome outcome)
    {
        string path = Path.Combine(settings.WorkDirectory, JobReportDocument.FileName);
        if (File.Exists(path))
        {
            return File.ReadAllText(path);
        }

        string text = JobReportDocument.Build(outcome.Image?.Result, outcome.Outputs, outcome.Job?.Inputs ?? [], NodeProbe.Probe("/", settings.Environment).HostName);
        if (outcome.Image?.Result is not null)
        {
            Write(outcome, path, text);
        }

        return text;
    }

    /// <summary>For failures of ours, and for exit codes that the pilot would misread.</summary>
    internal void WriteErrorReport(JobOutcome outcome, bool underPilot)
    {
        string path = Path.Combine(settings.WorkDirectory, PayloadErrorReport.FileName);
        RunResult? result = outcome.Image?.Result;
        if (outcome.Failure is { } failure)
        {
            Write(outcome, path, PayloadErrorReport.Build(failure.PilotErrorCode, failure.Message));
        }
        else if (result is not null && ExitCode(result.ExitCode, underPilot) != result.ExitCode)
        {
            Write(outcome, path, PayloadErrorReport.Build(result.ExitCode, ReportMapper.Diagnose(result)));
        }
    }

    internal void WriteResult(JobOutcome outcome) =>
        Write(outcome, settings.ResultFile ?? Path.Combine(settings.WorkDirectory, ResultName), ResultDocument.Create(outcome).ToString() + "\n");

    /// <exception cref="GridWrapperException">The directory does not take it, and nothing worse is to be told.</exception>
    private void Write(JobOutcome outcome, string path, string text)
    {
        string partial = path + ".part";
        try
        {
            File.WriteAllText(partial, text);
            File.Move(partial, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Error("{Path} cannot be written: {Trouble}", path, FileTrouble.Describe(e));
            if (outcome.Failure is null)
            {
                throw new GridWrapperException(JobFailure.WorkDirectory(settings.WorkDirectory, e), e);
            }
        }
    }
}
