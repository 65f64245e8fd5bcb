namespace GridWrapper.Registries;

/// <summary>A failure that the next try may not meet: connection, 5xx, 429, stall. Does not leave the room: what remains after the last try becomes a failure with blame.</summary>
internal sealed class TransientRegistryException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>It was the site's proxy that could not be reached, or would not.</summary>
    internal bool AtProxy { get; init; }

    /// <summary>What the server asked for in Retry-After.</summary>
    internal TimeSpan? RetryAfter { get; init; }
}
