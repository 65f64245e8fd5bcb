using GridWrapper.Diagnostics;

namespace GridWrapper.Registries;

/// <summary>One thing asked of a registry, with what a failure report needs.</summary>
internal sealed record RegistryRequest
{
    public required RegistryEndpoint Endpoint { get; init; }

    /// <summary>Path of the repository, e.g. "library/alpine".</summary>
    public required string Repository { get; init; }

    /// <summary>Path below the registry's root.</summary>
    public required string Path { get; init; }

    /// <summary>What it is, for messages: "the manifest of docker.io/library/alpine:3.7".</summary>
    public required string What { get; init; }

    public required Phase Phase { get; init; }

    /// <summary>Media types accepted; empty for any.</summary>
    public ImmutableArray<string> Accept { get; init; } = [];

    /// <summary>First byte wanted; the ones before it came already.</summary>
    public long From { get; init; }

    /// <summary>Last byte wanted; null for all that follow.</summary>
    public long? To { get; init; }

    /// <summary>Remembers where the registry sends its clients for this; null for no memory.</summary>
    public BlobShortcut? Shortcut { get; init; }

    /// <summary>A part is wanted.</summary>
    internal bool IsRange => From > 0 || To is not null;

    /// <summary>It is kept outside of the registry: no mirror of a registry has it.</summary>
    public bool IsForeign { get; init; }

    public string Step => Phase == Phase.Materialise ? "fetch-blob" : "fetch-manifest";

    public Uri Uri => new(Endpoint.Base, Path);
}
