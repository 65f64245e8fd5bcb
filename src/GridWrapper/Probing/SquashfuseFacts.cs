namespace GridWrapper.Probing;

/// <summary>A program of the node that serves squashfs files by FUSE.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="TakesOwner">It can be told to whom the files belong (squashfuse 0.1.105 or later).</param>
internal sealed record SquashfuseFacts(string Path, bool TakesOwner);
