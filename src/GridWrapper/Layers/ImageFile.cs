namespace GridWrapper.Layers;

/// <summary>A file that holds the root filesystem of an image.</summary>
/// <param name="Path">Of the file; for messages, and to be opened.</param>
/// <param name="Offset">Where its squashfs begins.</param>
/// <param name="SizeBytes">Length of the squashfs.</param>
/// <param name="Identity">Changes when the file is another or was changed: device, inode, size, times of change.</param>
internal sealed record ImageFile(string Path, long Offset, long SizeBytes, string Identity);
