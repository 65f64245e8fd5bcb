namespace GridWrapper.SelfTest;

/// <summary>A public name in a DUCC repository: the registry's host as the wish list spells it, port included, repository and tag.</summary>
internal sealed record CvmfsName(string Host, string Repository, string Tag)
{
    /// <summary>Relative to the repository's mount point.</summary>
    internal string Path => $"{Host}/{Repository}:{Tag}";
}
