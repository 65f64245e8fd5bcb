using GridWrapper.Diagnostics;

namespace GridWrapper.Running;

/// <summary>
/// The samples in the form of the process monitor prmon, where the PanDA pilot and its users look for them. Written once, at the end: a file touched periodically would hide a
/// stuck payload. Where a monitor of the pilot has written, its files stay.
/// </summary>
internal sealed class MonitorFiles(string directory)
{
    internal const string SeriesName = "memory_monitor_output.txt";
    internal const string SummaryName = "memory_monitor_summary.json";

    private static readonly RoomLog Log = new(nameof(MonitorFiles));

    /// <summary>For payloads that outlived the first interval; what a shorter one used stands in the result document.</summary>
    internal void Write(ImageOutcome? outcome, double intervalSeconds)
    {
        if (outcome?.Result is not { Usage: { } usage, Samples: { Length: > 1 } samples } || usage.WallSeconds < intervalSeconds)
        {
            return;
        }

        string series = Path.Combine(directory, SeriesName);
        string summary = Path.Combine(directory, SummaryName);
        if (File.Exists(series) || File.Exists(summary))
        {
            return;
        }

        try
        {
            File.WriteAllText(series, MonitorText.Series(samples));
            File.WriteAllText(summary, MonitorText.Summary(usage, samples[^1], outcome.Input.Host.Node).ToString() + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Warn("{Path} cannot be written: {Trouble}", series, FileTrouble.Describe(e));
        }
    }
}
