namespace GridWrapper.Registries;

/// <summary>Requests sent and body bytes received; shared by everything one client does.</summary>
internal sealed class TransferCounter
{
    private long _bytes;
    private int _requests;

    internal long Bytes => Interlocked.Read(ref _bytes);

    internal int Requests => Volatile.Read(ref _requests);

    internal void AddRequest() => Interlocked.Increment(ref _requests);

    internal void AddBytes(long count) => Interlocked.Add(ref _bytes, count);
}
