using GridWrapper.Diagnostics;

namespace GridWrapper.Running;

/// <summary>What one check of the image against the node found.</summary>
/// <param name="Check">kebab-case name.</param>
/// <param name="State">"ok", "warning", "fatal" or "unknown".</param>
/// <param name="Detail">For people.</param>
internal sealed record Finding(string Check, string State, string Detail)
{
    internal const string Ok = "ok";
    internal const string Warning = "warning";
    internal const string Fatal = "fatal";
    internal const string Unknown = "unknown";

    /// <summary>Why the payload is not started; null unless fatal.</summary>
    public Failure? Failure { get; init; }
}
