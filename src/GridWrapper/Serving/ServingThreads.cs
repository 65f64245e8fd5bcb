using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>The threads of one server, of the operating system's own: none of them comes from the pool that the rest of gridwrap waits for.</summary>
internal sealed class ServingThreads : IDisposable
{
    private const int StackBytes = 256 * 1024;

    private readonly CountdownEvent _living = new(1);
    private readonly Lock _lock = new();
    private double _processorSeconds;

    /// <summary>Of those that have ended.</summary>
    internal double ProcessorSeconds
    {
        get
        {
            lock (_lock)
            {
                return _processorSeconds;
            }
        }
    }

    /// <summary>Throws where memory or the user's limits do not allow it.</summary>
    internal void Start(Action run, string name)
    {
        Thread thread = new(() => Counted(run), StackBytes) { IsBackground = true, Name = name };
        if (_living.TryAddCount())
        {
            try
            {
                thread.Start();
            }
            catch
            {
                _ = _living.Signal();
                throw;
            }
        }
    }

    /// <summary>Of a thread that is not one of these.</summary>
    internal void Account(double seconds)
    {
        lock (_lock)
        {
            _processorSeconds += seconds;
        }
    }

    /// <summary>Waits for all of them, once; how many have not ended.</summary>
    internal int End(TimeSpan patience)
    {
        _ = _living.Signal();
        return _living.Wait(patience) ? 0 : _living.CurrentCount;
    }

    public void Dispose()
    {
        if (_living.IsSet)
        {
            _living.Dispose();
        }
    }

    private void Counted(Action run)
    {
        try
        {
            run();
        }
        finally
        {
            Account(RequestDevice.ThreadSeconds());
            _ = _living.Signal();
        }
    }
}
