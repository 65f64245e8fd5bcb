namespace GridWrapper.Jobs;

/// <summary>What reading a job depends on besides the job.</summary>
internal sealed record JobReadOptions
{
    /// <summary>Absolute; relative image paths start here.</summary>
    public required string CurrentDirectory { get; init; }

    /// <summary>The queue's IMAGE_BASE, put in front of relative image names; null when there is none.</summary>
    public string? ImageBase { get; init; }

    /// <summary>Which job of a document that holds several; null means the first.</summary>
    public long? PandaId { get; init; }
}
