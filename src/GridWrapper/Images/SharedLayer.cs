namespace GridWrapper.Images;

/// <summary>A layer in one of the cache roots that a site shares and that are only read.</summary>
/// <param name="Root">The root as the profile names it.</param>
/// <param name="Unreadable">Entries that this user cannot read there.</param>
internal sealed record SharedLayer(string Root, int Unreadable);
