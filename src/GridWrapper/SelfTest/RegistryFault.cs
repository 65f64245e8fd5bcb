namespace GridWrapper.SelfTest;

/// <summary>A misbehaviour of the loopback registry, applied to the next requests that it concerns.</summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="Target">Which requests it concerns.</param>
/// <param name="Times">How many of them; <see cref="int.MaxValue"/> for all.</param>
internal sealed record RegistryFault(RegistryFaultKind Kind, RegistryTarget Target, int Times);

internal enum RegistryFaultKind
{
    /// <summary>503 with an error document.</summary>
    Unavailable,

    /// <summary>429 with `Retry-After: 0`.</summary>
    TooManyRequests,

    /// <summary>The first byte of the content is changed, so that it does not match its digest; the length is right.</summary>
    WrongContent,

    /// <summary>Half of the content, then nothing more until the server ends.</summary>
    Stall,

    /// <summary>Half of the content, then the connection is closed.</summary>
    Truncated,
}

internal enum RegistryTarget
{
    Manifests,
    Blobs,
}
