namespace GridWrapper.Serving;

/// <summary>The bytes of one blob, wherever it may be had, piece by piece. Called by several threads at once. A test edge.</summary>
internal interface IRangeSource : IDisposable
{
    /// <summary>Fills a buffer with the bytes of the blob from a position on. What comes is not verified.</summary>
    /// <returns>The place that it came from, for <see cref="PassOver"/>.</returns>
    /// <exception cref="NoRangesException">No place sends parts of the blob.</exception>
    /// <exception cref="Diagnostics.GridWrapperException">No place gave it, for now or for good.</exception>
    Task<string> FillAsync(Memory<byte> into, long from, CancellationToken ct);

    /// <summary>What a place sent was wrong: another is asked from now on.</summary>
    /// <returns>False where there is no other; then all count as good again.</returns>
    bool PassOver(string place);
}

/// <summary>A server sends a blob as a whole or not at all: it cannot be read piece by piece.</summary>
internal sealed class NoRangesException(string message) : IOException(message);
