using GridWrapper.Jobs;

namespace GridWrapper.Outputs;

/// <summary>What a log tarball is made of.</summary>
/// <param name="Job">Names the log file, the inputs and the job.</param>
/// <param name="Outputs">Delivered files, which do not belong in it.</param>
/// <param name="Queue">PanDA queue, for the name of the directory in the tar; null where unknown.</param>
internal sealed record LogRequest(JobRequest Job, OutputSet Outputs, string? Queue);
