using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;

namespace GridWrapper.Running;

/// <summary>Holds what lies in the job directory against what the payload says of it in its own jobReport.json. Pure.</summary>
internal static class ReportedOutputs
{
    private const string Step = "check-report";

    /// <param name="job">The job.</param>
    /// <param name="outputs">What was collected of a payload that ended with 0.</param>
    /// <param name="report">The payload's own report, null where it left none that can be read.</param>
    /// <param name="hasMetadata">It left a metadata.xml, as old transforms do.</param>
    internal static OutputSet Judge(JobRequest job, OutputSet outputs, PayloadReport? report, bool hasMetadata)
    {
        OutputSet judged = outputs with { Faults = [.. outputs.Faults.Select(f => Emptied(f, outputs, report) ?? f)] };
        return Missing(job, outputs, report, hasMetadata) is { } fault ? judged with { Faults = judged.Faults.Insert(0, fault) } : judged;
    }

    /// <summary>A production transform promises a report; a user's script does not.</summary>
    private static bool IsProduction(JobRequest job) =>
        job.Transformation is { } name && name.EndsWith("_tf.py", StringComparison.Ordinal) && !name.Contains("://", StringComparison.Ordinal) && name != "Archive_tf.py";

    private static OutputFault? Missing(JobRequest job, OutputSet outputs, PayloadReport? report, bool hasMetadata)
    {
        if (!IsProduction(job))
        {
            return null;
        }

        return report is null && !hasMetadata
            ? new OutputFault("", PilotError.NoPayloadMetadata, $"the transform {job.Transformation} left neither a jobReport.json that can be read nor a metadata.xml: what it produced is not known; look into its log") { Step = Step }
            : report is { Outputs.IsEmpty: true } && !outputs.Missing.IsEmpty
            ? new OutputFault("", PilotError.NoOutputInJobReport, $"the jobReport.json of the transform {job.Transformation} lists no output, and {string.Join(", ", outputs.Missing)} did not come: look into its log for why it produced nothing") { Step = Step }
            : null;
    }

    /// <summary>An empty file that the payload says has content was damaged after it was written; that is worse than one that was always empty.</summary>
    private static OutputFault? Emptied(OutputFault fault, OutputSet outputs, PayloadReport? report)
    {
        if (fault.PilotErrorCode != PilotError.ZeroFileSize || report?.Outputs is not { } listed || outputs.Files.FirstOrDefault(f => f.Lfn == fault.Lfn) is not { } file)
        {
            return null;
        }

        long size = listed.GetValueOrDefault(file.Lfn) ?? listed.GetValueOrDefault(file.Name) ?? 0;
        return size == 0 ? null : fault with
        {
            PilotErrorCode = PilotError.EmptyOutputFile,
            Message = string.Create(CultureInfo.InvariantCulture, $"the output \"{fault.Lfn}\" (\"{file.Name}\") is empty, and the payload's jobReport.json says that it has {size} bytes: it was cut off after it was written; look for a full disk and for who writes to it last"),
        };
    }
}
