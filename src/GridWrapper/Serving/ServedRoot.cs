namespace GridWrapper.Serving;

/// <summary>A root filesystem to be served to one launch.</summary>
/// <param name="Table">All layers together; <see cref="Node.Source"/> is an index into <paramref name="Sources"/>.</param>
internal sealed record ServedRoot(NodeTable Table, ImmutableArray<FileSource> Sources) : IDisposable
{
    public void Dispose()
    {
        foreach (FileSource source in Sources)
        {
            source.Dispose();
        }
    }
}
