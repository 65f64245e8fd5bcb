namespace GridWrapper.Layers;

/// <summary>
/// Lets short-lived garbage be collected more often than the runtime would: it waits for as much as the processor's third-level cache holds, on a server a hundred
/// megabytes and more, and a pull has to stay small beside the jobs of the node. The nursery is nearly empty of survivors, so that each time costs less than a millisecond.
/// </summary>
internal static class GarbagePace
{
    private const long EveryBytes = 12 * 1024 * 1024;
    private static long _collectedAt;

    /// <summary>To be called now and then by whoever makes much garbage.</summary>
    internal static void Keep()
    {
        long allocated = GC.GetTotalAllocatedBytes();
        long before = Interlocked.Read(ref _collectedAt);
        if (allocated - before > EveryBytes && Interlocked.CompareExchange(ref _collectedAt, allocated, before) == before)
        {
            GC.Collect(0);
        }
    }
}
