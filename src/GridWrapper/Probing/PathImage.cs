namespace GridWrapper.Probing;

/// <summary>A root filesystem or image file at a path.</summary>
/// <param name="Kind">"directory", "sif" or "squashfs".</param>
internal sealed record PathImage(string Path, string Kind, bool OnCvmfs)
{
    /// <summary>Null for a directory.</summary>
    public ImageFileFacts? File { get; init; }
}
