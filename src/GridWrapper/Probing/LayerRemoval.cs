namespace GridWrapper.Probing;

/// <summary>Something that a layer removes from those below it.</summary>
/// <param name="Layer">Position in the stack, 0 = topmost.</param>
/// <param name="Path">Relative.</param>
/// <param name="Opaque">It is a directory, and what the layers below have in it is removed.</param>
internal sealed record LayerRemoval(int Layer, string Path, bool Opaque)
{
    /// <summary>As one word of a command line.</summary>
    internal string ToWord() => string.Create(CultureInfo.InvariantCulture, $"{Layer}:{(Opaque ? 'o' : 'w')}:{Path}");

    internal static LayerRemoval FromWord(string word)
    {
        string[] parts = word.Split(':', 3);
        return new LayerRemoval(int.Parse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture), parts[2], parts[1] == "o");
    }
}
