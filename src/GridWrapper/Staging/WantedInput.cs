namespace GridWrapper.Staging;

/// <summary>An input that a job names.</summary>
/// <param name="Lfn">Its name in the job directory.</param>
internal sealed record WantedInput(string Lfn)
{
    public string? Scope { get; init; }

    /// <summary>As the job states it; null where it states none.</summary>
    public FileChecksum? Checksum { get; init; }

    /// <summary>Bytes; null where the job does not say.</summary>
    public long? SizeBytes { get; init; }
}
