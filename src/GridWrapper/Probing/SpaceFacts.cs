namespace GridWrapper.Probing;

/// <summary>Free space for this user where something will be written.</summary>
/// <param name="Purpose">"work", "cache".</param>
internal sealed record SpaceFacts(string Purpose, string Path, long FreeBytes, long FreeInodes, string FileSystem);
