using GridWrapper.Images;

namespace GridWrapper.Layers;

/// <summary>Where the blobs of an image come from: a registry, a layout directory, an archive. A test edge.</summary>
internal interface IBlobSource
{
    /// <summary>"registry" or "local", for the report.</summary>
    string Name { get; }

    /// <summary>Opens a blob as a stream that fails unless size and digest are the descriptor's (see <see cref="VerifiedStream"/>).</summary>
    Task<Stream> OpenAsync(Descriptor blob, CancellationToken ct);
}
