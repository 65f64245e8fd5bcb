namespace GridWrapper.Serving;

/// <summary>The bytes of a layer's archive, however it is kept. Called by several threads at once, never throws.</summary>
internal abstract class ArchiveReader : IDisposable
{
    /// <summary>Fills a buffer to its end.</summary>
    /// <returns>0, or an errno.</returns>
    internal abstract int Read(long at, Span<byte> into);

    /// <summary>Whether <see cref="Read"/> has more to do than to copy.</summary>
    internal abstract bool WouldWait(long at, long length);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
