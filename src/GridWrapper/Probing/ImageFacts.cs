using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>What a survey found about the wanted image: which places hold it, and what it is.</summary>
internal sealed record ImageFacts
{
    /// <summary>Null = none: an empty set costs start-up time where nobody asks for it.</summary>
    private readonly ImmutableHashSet<Digest>? _cachedLayers;

    public required ImageReference Reference { get; init; }

    /// <summary>Manifest and configuration as the registry (or the local layout/archive) serves them.</summary>
    public Fact<ResolvedImage> Resolved { get; init; } = new Fact<ResolvedImage>.Unknown("not asked");

    /// <summary>Why <see cref="Resolved"/> is not known, with blame and code; null when it is known or was not asked.</summary>
    public Diagnostics.Failure? ResolveFailure { get; init; }

    /// <summary>Why the site's policy lets this image run in no way at all; null where it may.</summary>
    public Diagnostics.Failure? Barred { get; init; }

    /// <summary>The site's policy is about this image's digest, so that nothing but what was compared with the registry may run.</summary>
    public bool DigestMatters { get; init; }

    /// <summary>The flattened tree in a CVMFS image repository.</summary>
    public Fact<CvmfsImage> Cvmfs { get; init; } = new Fact<CvmfsImage>.Unknown("not asked");

    /// <summary>Its layers in CVMFS image repositories.</summary>
    public Fact<CvmfsLayers> CvmfsLayers { get; init; } = new Fact<CvmfsLayers>.Unknown("not asked");

    /// <summary>What a path reference is: "directory", "sif", "squashfs".</summary>
    public Fact<PathImage> AtPath { get; init; } = new Fact<PathImage>.Unknown("not asked");

    /// <summary>The digest under which an image file is unpacked in the cache; null where it is not.</summary>
    public Digest? CachedFile { get; init; }

    /// <summary>What earlier pulls into this cache came to, transfer and unpacking together; null where there were none.</summary>
    public double? PullBytesPerSecond { get; init; }

    /// <summary>The same of layers that were kept packed.</summary>
    public double? PackedBytesPerSecond { get; init; }

    /// <summary>DiffIDs of layers that lie packed in the node's cache; null for none.</summary>
    public ImmutableHashSet<Digest>? PackedLayers { get; init; }

    /// <summary>Those of the cached layers that only a shared cache root holds; null for none.</summary>
    public IReadOnlyDictionary<Digest, SharedLayer>? SharedLayers { get; init; }

    /// <summary>DiffIDs of layers already in the node's cache or in a shared one.</summary>
    public ImmutableHashSet<Digest> CachedLayers
    {
        get => _cachedLayers ?? [];
        init => _cachedLayers = value;
    }
}
