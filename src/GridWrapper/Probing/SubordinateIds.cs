namespace GridWrapper.Probing;

/// <summary>The ids that this user may map into a user namespace besides its own, and the programs that do it.</summary>
internal sealed record SubordinateIds
{
    public required uint UidStart { get; init; }

    public required uint UidCount { get; init; }

    public required uint GidStart { get; init; }

    public required uint GidCount { get; init; }

    /// <summary>Host path of newuidmap.</summary>
    public required string UidMapper { get; init; }

    public required string GidMapper { get; init; }
}
