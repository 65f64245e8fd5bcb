namespace GridWrapper.Probing;

/// <summary>Which program of a tree is meant.</summary>
/// <param name="Layers">Host directories, topmost first.</param>
/// <param name="Candidates">Absolute paths inside, in the order in which they are tried.</param>
internal sealed record ProgramQuestion(ImmutableArray<string> Layers, ImmutableArray<string> Candidates)
{
    /// <summary>As words of a command line: the number of layers, the layers, the candidates.</summary>
    internal ImmutableArray<string> ToWords() => [Layers.Length.ToString(CultureInfo.InvariantCulture), .. Layers, .. Candidates];

    internal static ProgramQuestion FromWords(ReadOnlySpan<string> words)
    {
        int layers = int.Parse(words[0], NumberStyles.None, CultureInfo.InvariantCulture);
        return new ProgramQuestion([.. words[1..(layers + 1)]], [.. words[(layers + 1)..]]);
    }
}
