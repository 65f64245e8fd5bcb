namespace GridWrapper.Probing;

/// <summary>What is wanted of an image's layers before they are launched: which program is meant, what stands at the mount points, and what the assembled root must show.</summary>
/// <param name="Layers">Host directories, topmost first.</param>
/// <param name="Candidates">Absolute paths inside, in the order in which they are tried.</param>
internal sealed record ProgramQuestion(ImmutableArray<string> Layers, ImmutableArray<string> Candidates)
{
    /// <summary>Absolute paths inside that something will be mounted on.</summary>
    public ImmutableArray<string> MountPoints { get; init; } = [];

    /// <summary>What layers remove.</summary>
    public ImmutableArray<LayerRemoval> Removals { get; init; } = [];

    /// <summary>The whole tree, where it lies in no directory; then there are no layers, and it is looked into by this process.</summary>
    public TreeLayer? Tree { get; init; }

    /// <summary>Opens those of the layers that are kept as their archives.</summary>
    public TreeOpener? Packed { get; init; }

    /// <summary>As words of a command line: the numbers of layers, mount points and removals, these, and the candidates.</summary>
    internal ImmutableArray<string> ToWords() => [Count(Layers.Length), Count(MountPoints.Length), Count(Removals.Length), .. Layers, .. MountPoints, .. Removals.Select(r => r.ToWord()), .. Candidates];

    internal static ProgramQuestion FromWords(ReadOnlySpan<string> words)
    {
        int layers = 3 + Number(words[0]);
        int mountPoints = layers + Number(words[1]);
        int removals = mountPoints + Number(words[2]);
        return new ProgramQuestion([.. words[3..layers]], [.. words[removals..]])
        {
            MountPoints = [.. words[layers..mountPoints]],
            Removals = [.. words[mountPoints..removals].ToArray().Select(LayerRemoval.FromWord)],
        };
    }

    private static string Count(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Number(string word) => int.Parse(word, NumberStyles.None, CultureInfo.InvariantCulture);
}
