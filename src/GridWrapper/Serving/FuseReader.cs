using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>What one thread that reads requests has of its own.</summary>
internal sealed class FuseReader(ServedTree tree, SlowReads slow) : IDisposable
{
    /// <summary>Counts up at the begin and at the end of every read: odd while it is at one.</summary>
    internal long Turn;

    internal FuseAnswers Answers { get; } = new(tree, slow);

    internal NativeBuffer Request { get; } = new(FuseWire.RequestBytes);

    internal NativeBuffer Reply { get; } = new(FuseWire.OutHeader + FuseWire.MaximumRead);

    public void Dispose()
    {
        Request.Dispose();
        Reply.Dispose();
    }
}
