namespace GridWrapper.Probing;

/// <summary>One question to a probe child.</summary>
internal sealed record ProbeQuestion
{
    /// <summary>One of <see cref="ProbeKind"/>.</summary>
    public required string Kind { get; init; }

    public required ImmutableArray<string> Arguments { get; init; }

    /// <summary>Allowed for starting, for the first touch (a mount may have to be made) and for running a program.</summary>
    public required TimeSpan FirstDeadline { get; init; }

    /// <summary>Allowed for each later step.</summary>
    public required TimeSpan StepDeadline { get; init; }

    /// <summary>Absolute path of the CVMFS repository it touches, null when it touches none.</summary>
    public string? Repository { get; init; }
}
