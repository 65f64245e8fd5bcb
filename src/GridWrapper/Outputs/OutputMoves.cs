using GridWrapper.Jobs;
using GridWrapper.Linux;

namespace GridWrapper.Outputs;

/// <summary>One single-file output: where it lies and how it gets its name.</summary>
/// <param name="Output">The entry of the map.</param>
/// <param name="Source">Absolute path of the content; null when there is none.</param>
/// <param name="Why">Why there is none.</param>
/// <param name="Copies">The name is a link inside the job directory: its content is copied, the file it names stays.</param>
/// <param name="ReplacesItself">The output's own name is that link, so that replacing it loses nothing.</param>
internal sealed record OutputMove(OutputSpec Output, string? Source, string Why, bool Copies, bool ReplacesItself);

/// <summary>Finds the single-file outputs and decides the moves before the first one is made, because one output's name may be another's source.</summary>
internal static class OutputMoves
{
    internal static ImmutableArray<OutputMove> Plan(Collection collection)
    {
        OutputMove[] moves = [.. collection.Job.Outputs.Where(o => o.Kind == OutputKind.File).Select(o => TryLocate(collection, o))];
        HashSet<string> targets = [.. moves.Select(m => collection.PathOf(m.Output.Lfn))];
        for (int i = 0; i < moves.Length; i++)
        {
            OutputMove move = moves[i];
            if (move is { Source: { } source, Copies: false } && targets.Contains(source) && source != collection.PathOf(move.Output.Lfn))
            {
                // Another output will take this file's name: step aside first.
                string aside = TarPacker.PartialName(collection.PathOf(move.Output.Lfn));
                File.Move(source, aside);
                moves[i] = move with { Source = aside };
            }
        }

        // A link's content is copied before the file that it names is moved away.
        return [.. moves.OrderByDescending(m => m.Copies)];
    }

    private static OutputMove TryLocate(Collection collection, OutputSpec output)
    {
        try
        {
            return Locate(collection, output);
        }
        catch (LinuxException e)
        {
            return new OutputMove(output, null, $"it cannot be examined: {e.ErrnoName}", false, false);
        }
    }

    /// <summary>Exactly where the job says, else the first file of that name anywhere below, nearest to the top.</summary>
    private static OutputMove Locate(Collection collection, OutputSpec output)
    {
        string name = output.Name.StartsWith("./", StringComparison.Ordinal) ? output.Name[2..] : output.Name;
        JobFile? found = collection.Tree.Resolve(name, out string why);
        string? asked = found is null ? null : collection.PathOf(name);
        if (found is null && !name.Contains('/', StringComparison.Ordinal) && FileIdentity.Of(collection.PathOf(name)) is null)
        {
            JobFile? below = collection.Unclaimed().FirstOrDefault(f => f.Name == name && collection.Tree.Resolve(f.RelativePath, out _) is not null);
            found = below is null ? null : collection.Tree.Resolve(below.RelativePath, out why);
            asked = below?.FullPath;
        }

        if (found is null || JobDirectoryNames.Secret.Contains(found.Name))
        {
            return new OutputMove(output, null, found is null ? Hint(collection, name, why) : "it holds credentials, which are never delivered", false, false);
        }

        collection.Claim(found, output.Lfn);
        bool link = found.FullPath != asked;
        return new OutputMove(output, found.FullPath, "", link, link && asked == collection.PathOf(output.Lfn));
    }

    private static string Hint(Collection collection, string name, string why) =>
        why + Diagnostics.NearestName.Hint(name, collection.Unclaimed().Select(f => f.RelativePath).Take(1000));
}
