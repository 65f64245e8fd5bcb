namespace GridWrapper.Outputs;

/// <summary>What the payload left, matched against the job's `-o` map.</summary>
internal sealed record OutputSet
{
    public ImmutableArray<OutputFile> Files { get; init; } = [];

    /// <summary>LFNs that were promised and are not there (allowed absences excluded).</summary>
    public ImmutableArray<string> Missing { get; init; } = [];

    /// <summary>LFNs absent but tolerated by allowNoOutput.</summary>
    public ImmutableArray<string> AbsentButAllowed { get; init; } = [];

    /// <summary>Everything that makes this set less than what was promised, with reasons: each missing output, each empty one, each that could not be delivered.</summary>
    public ImmutableArray<OutputFault> Faults { get; init; } = [];

    /// <summary>Things worth a line in the log that are no faults, e.g. a matching link that was left out of a tar.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];
}

/// <summary>One delivered output, lying in the job directory under its LFN.</summary>
internal sealed record OutputFile
{
    /// <summary>The name the payload produced (or the pattern).</summary>
    public required string Name { get; init; }

    public required string Lfn { get; init; }

    /// <summary>Absolute path.</summary>
    public required string Path { get; init; }

    public required long SizeBytes { get; init; }

    /// <summary>Eight lower-case hex digits.</summary>
    public required string Adler32 { get; init; }

    /// <summary>Upper-case UUID v4.</summary>
    public required string Guid { get; init; }

    /// <summary>Where it was delivered to, null when it stays in the job directory.</summary>
    public string? Url { get; init; }

    /// <summary>The name of the storage that has it, where the site's profile names it.</summary>
    public string? Endpoint { get; init; }
}
