namespace GridWrapper.Reporting;

/// <summary>How long the stations took, as pilot_timing counts them.</summary>
internal sealed record JobTimings
{
    public TimeSpan GetJob { get; init; }

    public TimeSpan StageIn { get; init; }

    public TimeSpan Payload { get; init; }

    public TimeSpan StageOut { get; init; }

    /// <summary>Before the job was known.</summary>
    public TimeSpan InitialSetup { get; init; }

    /// <summary>Resolving, materialising and launching the image.</summary>
    public TimeSpan Setup { get; init; }

    /// <summary>Whole seconds, "getjob|stagein|payload|stageout|initial setup|setup".</summary>
    internal string ToPilotTiming() => string.Join('|', new[] { GetJob, StageIn, Payload, StageOut, InitialSetup, Setup }.Select(Seconds));

    internal static string Seconds(TimeSpan span) => ((long)Math.Round(span.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
