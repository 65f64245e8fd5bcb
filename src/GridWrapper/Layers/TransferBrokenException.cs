namespace GridWrapper.Layers;

/// <summary>A blob stopped coming before its end: connection lost or stalled. Fetching it again may help, which sets it apart from wrong bytes.</summary>
internal sealed class TransferBrokenException(string message, Exception? inner) : IOException(message, inner);
