namespace GridWrapper.Serving;

/// <summary>Reads that wait for the network, apart from the readers of requests.</summary>
internal interface ISlowReads
{
    /// <summary>The reply comes from elsewhere.</summary>
    void Take(in SlowRead read);

    /// <summary>The kernel wants no answer of this request any more, which may not even have come.</summary>
    void Interrupt(ulong unique);
}

/// <summary>One of them.</summary>
/// <param name="Unique">The request's number.</param>
/// <param name="Source">Who has the bytes.</param>
/// <param name="Data">As the source knows the file.</param>
/// <param name="Offset">In the file.</param>
/// <param name="Length">It ends within the file.</param>
internal readonly record struct SlowRead(ulong Unique, FileSource Source, long Data, long Offset, int Length);
