namespace GridWrapper.Probing;

/// <summary>Which tree of an image repository is wanted.</summary>
/// <param name="Top">Absolute path of the repository.</param>
/// <param name="WantedHex">Digits of the wanted config digest, empty when it is not known.</param>
/// <param name="Root">Where CVMFS is mounted, for links that begin with /cvmfs/.</param>
/// <param name="Names">Public names in the order of preference, relative to the repository.</param>
internal sealed record ImageQuestion(string Top, string WantedHex, string Root, ImmutableArray<string> Names);
