using System.Runtime.ExceptionServices;

namespace GridWrapper.Layers;

/// <summary>A short line of things between threads: who puts waits while it is full, who takes waits while it is empty. That is what bounds the memory of a pull.</summary>
internal sealed class HandOver<T>(int capacity)
    where T : class
{
    private readonly Queue<T> _line = new();
    private readonly object _gate = new();
    private Exception? _fault;
    private bool _finished;
    private bool _abandoned;

    /// <summary>False if nobody takes any more; the thing was not taken over then.</summary>
    internal bool Put(T thing)
    {
        lock (_gate)
        {
            while (_line.Count >= capacity && !_abandoned)
            {
                Monitor.Wait(_gate);
            }

            if (_abandoned)
            {
                return false;
            }

            _line.Enqueue(thing);
            Monitor.PulseAll(_gate);
            return true;
        }
    }

    /// <summary>The next thing, or null at the end.</summary>
    /// <exception cref="Exception">What ended the putting side, after the things that were put before it.</exception>
    internal T? Take()
    {
        lock (_gate)
        {
            while (_line.Count == 0 && !_finished)
            {
                Monitor.Wait(_gate);
            }

            if (_line.Count == 0)
            {
                if (_fault is not null)
                {
                    ExceptionDispatchInfo.Throw(_fault);
                }

                return null;
            }

            Monitor.PulseAll(_gate);
            return _line.Dequeue();
        }
    }

    /// <summary>Nothing more will be put.</summary>
    internal void Finish(Exception? fault)
    {
        lock (_gate)
        {
            _fault ??= fault;
            _finished = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Nothing more will be taken.</summary>
    internal void Abandon()
    {
        lock (_gate)
        {
            _abandoned = true;
            _line.Clear();
            Monitor.PulseAll(_gate);
        }
    }
}
