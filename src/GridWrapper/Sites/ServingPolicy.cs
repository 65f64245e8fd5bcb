namespace GridWrapper.Sites;

/// <summary>How layers that are served are kept (strategies packed and lazy), and how images that are read piece by piece come to the node (strategy lazy).</summary>
internal sealed record ServingPolicy
{
    internal const string BeforeRun = "before-run";
    internal const string Background = "background";
    internal const string OnDemand = "on-demand";

    internal const string KeepAuto = "auto";
    internal const string KeepInflated = "inflated";
    internal const string KeepCompressed = "compressed";

    /// <summary>Packed layers: "inflated", "compressed" (gzip blobs as they came, for nodes where disk is scarce) or "auto" (inflated where that fits).</summary>
    public string Keep { get; init; } = KeepAuto;

    /// <summary>"background" (behind the payload's back), "before-run" (all of it before the payload starts) or "on-demand" (only what is asked for).</summary>
    public string Fill { get; init; } = Background;

    /// <summary>In the background: after so long the log warns that the image is still not complete.</summary>
    public double FillMinutes { get; init; } = 15;

    /// <summary>So long a read of the payload waits for a registry that has gone away, before it fails. Less than what a job may do nothing.</summary>
    public double PatienceMinutes { get; init; } = 15;
}
