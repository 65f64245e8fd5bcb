namespace GridWrapper.Probing;

/// <summary>What is wanted of a tree, besides its Singularity scripts.</summary>
/// <param name="Layers">Host directories, topmost first.</param>
/// <param name="User">User of the image's configuration, empty for none.</param>
/// <param name="Places">Absolute paths inside.</param>
/// <param name="Gpu">The C library's version and what GPU software the image brings.</param>
internal sealed record InsideQuestion(ImmutableArray<string> Layers, string User, ImmutableArray<string> Places, bool Gpu)
{
    private const string LayerWord = "layer=";
    private const string PlaceWord = "place=";
    private const string UserWord = "user=";
    private const string GpuWord = "gpu";

    /// <summary>The whole tree, where it lies in no directory; then there are no layers, and it is looked into by this process.</summary>
    public TreeLayer? Tree { get; init; }

    /// <summary>Opens those of the layers that are kept as their archives.</summary>
    public TreeOpener? Packed { get; init; }

    /// <summary>As words of a command line.</summary>
    internal ImmutableArray<string> ToWords() =>
        [.. Layers.Select(l => LayerWord + l), .. Places.Select(p => PlaceWord + p), .. User.Length > 0 ? (string[])[UserWord + User] : [], .. Gpu ? (string[])[GpuWord] : []];

    internal static InsideQuestion FromWords(IEnumerable<string> words)
    {
        List<string> layers = [];
        List<string> places = [];
        string user = "";
        bool gpu = false;
        foreach (string word in words)
        {
            if (word.StartsWith(LayerWord, StringComparison.Ordinal))
            {
                layers.Add(word[LayerWord.Length..]);
            }
            else if (word.StartsWith(PlaceWord, StringComparison.Ordinal))
            {
                places.Add(word[PlaceWord.Length..]);
            }
            else if (word.StartsWith(UserWord, StringComparison.Ordinal))
            {
                user = word[UserWord.Length..];
            }
            else
            {
                gpu |= word == GpuWord;
            }
        }

        return new InsideQuestion([.. layers], user, [.. places], gpu);
    }
}
