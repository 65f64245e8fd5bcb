using GridWrapper.Serving;

namespace GridWrapper.Launching;

/// <summary>The mount points of a launch, made in the tree that is served to it: the root then needs no layer of its own for them.</summary>
internal static class ServedScaffolds
{
    /// <summary>What the helper saw an operation's source to be (src/init/serve.c).</summary>
    internal const byte SourceIsDirectory = 1;
    internal const byte SourceIsOther = 2;

    /// <param name="tree">Not yet served.</param>
    /// <param name="operations">Of the launch.</param>
    /// <param name="sources">For each, what its source is; 0 for none.</param>
    internal static void Make(NodeTable tree, ImmutableArray<LaunchOperation> operations, ReadOnlySpan<byte> sources)
    {
        for (int i = 0; i < operations.Length; i++)
        {
            LaunchOperation operation = operations[i];
            byte source = i < sources.Length ? sources[i] : (byte)0;
            bool isFile = operation.Op == LaunchOperations.CopyFile ? source == SourceIsOther
                : operation.Op == LaunchOperations.Scaffold && (operation.Source is null ? operation.Options.Contains("file", StringComparison.Ordinal) : source == SourceIsOther);
            if (isFile)
            {
                _ = TreePaths.MakeFile(tree, operation.Target!);
            }
            else if (operation.Op == LaunchOperations.Scaffold && (operation.Source is null || source == SourceIsDirectory))
            {
                _ = TreePaths.MakeDirectory(tree, operation.Target!);
            }
        }
    }
}
