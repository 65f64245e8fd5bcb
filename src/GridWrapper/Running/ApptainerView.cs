namespace GridWrapper.Running;

/// <summary>What a call by Apptainer's name asks for beyond gridwrap's own options.</summary>
internal sealed record ApptainerView
{
    /// <summary>The working directory is not shown at its own path.</summary>
    public bool HideWorkDirectory { get; init; }

    /// <summary>Places inside that get an empty, writable directory of the run's own.</summary>
    public ImmutableArray<string> EmptyDirectories { get; init; } = [];

    /// <summary>`run`: the image's own command, with the words as its arguments.</summary>
    public bool RunsImage { get; init; }
}
