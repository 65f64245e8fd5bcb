namespace GridWrapper.Images;

/// <summary>Where an image is asked for. <c>ToString()</c> round-trips.</summary>
internal abstract record ImageReference
{
    private ImageReference()
    {
    }

    /// <summary>HOST/REPOSITORY or the path: what a site's rules name images by.</summary>
    internal abstract string Name { get; }

    /// <summary>
    /// An image in a registry, normalised by Docker's rules: host never empty ("docker.io" by default), repository with "library/" on Docker Hub.
    /// Tag and digest may both be present (the digest decides); tag is "latest" when neither was given.
    /// </summary>
    internal sealed record InRegistry(string Host, string Repository, string? Tag, Digest? Digest) : ImageReference
    {
        internal override string Name => $"{Host}/{Repository}";

        /// <summary>Canonical text, e.g. docker://docker.io/library/alpine:3.7 or docker://host:5000/a/b@sha256:….</summary>
        public override string ToString() => $"docker://{Host}/{Repository}{(Tag is null ? "" : ":" + Tag)}{(Digest is { } d ? "@" + d : "")}";
    }

    /// <summary>An OCI image layout directory.</summary>
    internal sealed record OciLayout(string Path, string? Tag) : ImageReference
    {
        internal override string Name => Path;

        public override string ToString() => $"oci:{Path}{(Tag is null ? "" : ":" + Tag)}";
    }

    /// <summary>A tar archive of an OCI image layout.</summary>
    internal sealed record OciArchive(string Path, string? Tag) : ImageReference
    {
        internal override string Name => Path;

        public override string ToString() => $"oci-archive:{Path}{(Tag is null ? "" : ":" + Tag)}";
    }

    /// <summary>The output of `docker save`.</summary>
    internal sealed record DockerArchive(string Path, string? Tag) : ImageReference
    {
        internal override string Name => Path;

        public override string ToString() => $"docker-archive:{Path}{(Tag is null ? "" : ":" + Tag)}";
    }

    /// <summary>
    /// A path: a directory holding a root filesystem, or a SIF or squashfs file. Which of them it is, is a fact of the node (Probing), not of the text.
    /// Absolute after parsing. May lie below /cvmfs, so the main process must not touch it.
    /// </summary>
    internal sealed record AtPath(string Path) : ImageReference
    {
        internal override string Name => Path;

        public override string ToString() => Path;
    }
}
