using GridWrapper.Diagnostics;
using GridWrapper.Jobs;

namespace GridWrapper.Outputs;

/// <summary>
/// The last look at the `-o` map before anything runs. Most of it was checked when the job was read; what is added here is the knowledge of which names in the
/// job directory are taken, and the certainty that nothing in this room is ever asked for a name that leads elsewhere. Pure.
/// </summary>
internal static class OutputGate
{
    private const int MaximumLfnLength = 255;

    /// <summary>Checks names, LFNs and patterns.</summary>
    /// <exception cref="GridWrapperException">The job is faulty: exit 64, all faults in one message.</exception>
    internal static void Check(JobRequest job)
    {
        ImmutableArray<OutputFault> faults = Faults(job);
        if (faults.IsEmpty)
        {
            return;
        }

        throw GridWrapperException.BadInput(
            "check-outputs",
            faults.Length == 1 ? faults[0].Message : "the job's outputs have several faults:" + string.Concat(faults.Select(f => "\n  " + f.Message)),
            faults[0].PilotErrorCode);
    }

    internal static ImmutableArray<OutputFault> Faults(JobRequest job) =>
    [
        .. job.Outputs.Select(o => NameFault(o) is { } wrong ? new OutputFault(o.Lfn, PilotError.UnrecognizedTrfArguments, wrong) : null).OfType<OutputFault>(),
        .. job.Outputs.Where(o => o.Kind != OutputKind.Regex && !job.HasTemplates).Select(o => LfnFault(o.Lfn, job.LogFile)).OfType<OutputFault>(),
        .. job.Outputs.Where(o => o.Kind != OutputKind.Regex).GroupBy(o => o.Lfn, StringComparer.Ordinal).Where(g => g.Count() > 1)
            .Select(g => new OutputFault(g.Key, PilotError.UnrecognizedTrfArguments, $"the output name \"{g.Key}\" is given to {string.Join(" and ", g.Select(o => $"\"{o.Name}\""))}")),
    ];

    private static string? NameFault(OutputSpec output)
    {
        if (output.Kind == OutputKind.Regex)
        {
            return NamePattern.TryParse(output.Name, out _, out string error) ? null : $"the output \"{output.Name}\" is not a regular expression: {error}";
        }

        if (output.Name.Length == 0 || output.Name.Contains('\0', StringComparison.Ordinal) || output.Name.EndsWith('/'))
        {
            return $"\"{output.Name}\" (for the output \"{output.Lfn}\") is not a file name";
        }

        return output.Name.StartsWith('/') || output.Name.Split('/').Contains("..")
            ? $"\"{output.Name}\" (for the output \"{output.Lfn}\") leads out of the job directory: only names below it can be delivered"
            : null;
    }

    private static OutputFault? LfnFault(string lfn, string? logFile)
    {
        if (lfn.Length > MaximumLfnLength)
        {
            return new OutputFault(lfn, PilotError.LfnTooLong, $"the output name \"{lfn[..40]}…\" has {lfn.Length} characters, {MaximumLfnLength} are allowed");
        }

        string? wrong = lfn switch
        {
            "" or "." or ".." => "is not a file name",
            _ when lfn.Contains('/', StringComparison.Ordinal) => "holds a '/': outputs lie directly in the job directory",
            _ when lfn.Any(c => c is < '!' or > '~') => "holds a blank, a control character or a letter outside ASCII",
            _ when lfn == logFile => "is also the name of the log file",
            _ when JobDirectoryNames.Own.Contains(lfn) || JobDirectoryNames.Secret.Contains(lfn) => "is the name of a file of gridwrap or of the pilot",
            _ => null,
        };
        return wrong is null ? null : new OutputFault(lfn, PilotError.BadOutputFileName, $"the output name \"{lfn}\" {wrong}");
    }
}
