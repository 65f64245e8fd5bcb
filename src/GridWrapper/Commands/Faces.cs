namespace GridWrapper.Commands;

/// <summary>
/// The other programs that this file can be, by the name of the link it is called through or by its first word: Apptainer, and the part of ATLASLocalRootBase that
/// opens a container for PanDA's pilot. (The transform `runcontainer` is a matter of <see cref="WordOrder"/>.)
/// </summary>
internal static class Faces
{
    /// <param name="programName">argv[0]'s last component.</param>
    /// <param name="words">argv without the program.</param>
    /// <returns>Null when gridwrap was called as itself.</returns>
    internal static Face? Of(string programName, string[] words)
    {
        bool byName = programName is "apptainer" or "singularity";
        return byName ? new Face.Apptainer(programName, [.. words])
            : words is ["apptainer" or "singularity", ..] ? new Face.Apptainer(words[0], [.. words[1..]])
            : words is ["alrb", ..] ? new Face.Alrb([.. words[1..]])
            : null;
    }
}

/// <summary>One of them, with its own words.</summary>
internal abstract record Face
{
    private Face()
    {
    }

    internal abstract Task<int> RunAsync();

    /// <param name="Name">apptainer or singularity.</param>
    /// <param name="Words">Without the name.</param>
    internal sealed record Apptainer(string Name, ImmutableArray<string> Words) : Face
    {
        internal override Task<int> RunAsync() => ApptainerFace.RunAsync(this);
    }

    /// <param name="Words">Without the name.</param>
    internal sealed record Alrb(ImmutableArray<string> Words) : Face
    {
        internal override Task<int> RunAsync() => AlrbFace.RunAsync(Words);
    }
}
