namespace GridWrapper.Serving;

/// <summary>The bytes of the files of one layer. Called by several threads at once.</summary>
internal abstract class FileSource : IDisposable
{
    /// <summary>Fills a buffer with bytes of a file; what lies there is never written before it is known to be right. May wait for the network or inflate, never throws.</summary>
    /// <param name="data"><see cref="Node.Data"/> of the file.</param>
    /// <param name="offset">Where in the file; with the buffer's length it ends within the file.</param>
    /// <param name="into">Filled to the end.</param>
    /// <returns>0, or an errno (positive): EIO for bad or missing bytes.</returns>
    internal abstract int Read(long data, long offset, Span<byte> into);

    /// <summary>Whether <see cref="Read"/> would have to wait: for the network, or for much to be inflated.</summary>
    internal virtual bool WouldWait(long data, long offset, int length) => false;

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
