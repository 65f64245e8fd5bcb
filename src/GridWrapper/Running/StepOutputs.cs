using GridWrapper.Jobs;

namespace GridWrapper.Running;

/// <summary>The `-o` map after a step of the job's own has applied it: what lies in the job directory under its logical name is found by that.</summary>
internal static class StepOutputs
{
    internal static JobRequest Of(JobRequest job, string jobDirectory) => job.Postprocess is null ? job : job with
    {
        Outputs = [.. job.Outputs.Select(o => o.Kind != OutputKind.Regex && File.Exists(Path.Combine(jobDirectory, o.Lfn)) ? o with { Name = o.Lfn, Kind = OutputKind.File } : o)],
    };
}
