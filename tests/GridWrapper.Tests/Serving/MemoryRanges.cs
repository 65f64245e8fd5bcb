using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>A blob in memory as a source of ranges that counts, and that can be told to misbehave.</summary>
internal sealed class MemoryRanges(byte[] blob) : IRangeSource
{
    private int _place;
    private int _requests;
    private long _bytes;

    /// <summary>Places that have the blob; a later one is asked when one was passed over.</summary>
    internal int Places { get; init; } = 1;

    /// <summary>Told place, position and the right bytes; changes them, waits, or throws.</summary>
    internal Func<int, long, Memory<byte>, CancellationToken, Task>? Before { get; set; }

    internal int Requests => Volatile.Read(ref _requests);

    internal long Bytes => Interlocked.Read(ref _bytes);

    public async Task<string> FillAsync(Memory<byte> into, long from, CancellationToken ct)
    {
        int place = Volatile.Read(ref _place);
        Interlocked.Increment(ref _requests);
        await Task.Yield();
        blob.AsSpan((int)from, into.Length).CopyTo(into.Span);
        await (Before?.Invoke(place, from, into, ct) ?? Task.CompletedTask);
        Interlocked.Add(ref _bytes, into.Length);
        return place.ToString(CultureInfo.InvariantCulture);
    }

    public bool PassOver(string place)
    {
        int next = int.Parse(place, CultureInfo.InvariantCulture) + 1;
        Volatile.Write(ref _place, next < Places ? next : 0);
        return next < Places;
    }

    public void Dispose()
    {
    }
}
