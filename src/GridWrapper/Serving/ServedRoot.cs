namespace GridWrapper.Serving;

/// <summary>A root filesystem to be served to one launch.</summary>
/// <param name="Table">All layers together; <see cref="Node.Source"/> is an index into <paramref name="Sources"/>.</param>
internal sealed record ServedRoot(NodeTable Table, ImmutableArray<FileSource> Sources) : IAsyncDisposable, IDisposable
{
    /// <summary>Its root holds layers, each to be a lower directory of an overlay: character devices without a number are what they remove, and nothing else may be put into them.</summary>
    public bool IsStack { get; init; }

    /// <summary>What has to live as long as the root does, null for nothing.</summary>
    public IAsyncDisposable? Life { get; init; }

    /// <summary>What went wrong while it came over the network, null for nothing.</summary>
    public Func<LazyTrouble?>? Trouble { get; init; }

    /// <summary>Bytes and requests so far, where some of it comes over the network while it is served.</summary>
    public Func<(long Bytes, int Requests)>? Fetched { get; init; }

    public async ValueTask DisposeAsync()
    {
        if (Life is not null)
        {
            await Life.DisposeAsync();
        }

        Dispose();
    }

    /// <summary>Only what it is read from.</summary>
    public void Dispose()
    {
        foreach (FileSource source in Sources)
        {
            source.Dispose();
        }
    }
}
