namespace GridWrapper.Outputs;

/// <summary>Why an output is not what was promised.</summary>
/// <param name="Lfn">The output.</param>
/// <param name="PilotErrorCode">See <see cref="Diagnostics.PilotError"/>.</param>
/// <param name="Message">What was looked for and what was found, for people.</param>
internal sealed record OutputFault(string Lfn, int PilotErrorCode, string Message)
{
    /// <summary>At which step it was found.</summary>
    public string Step { get; init; } = "collect-outputs";
}
