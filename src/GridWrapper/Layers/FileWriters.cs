using System.Runtime.ExceptionServices;

namespace GridWrapper.Layers;

/// <summary>
/// Write-behind for the small files of one layer: batches are made by other threads while the archive is read on. Files of one batch are made in order,
/// batches in any; whoever needs what is already there calls <see cref="Drain"/> first.
/// </summary>
internal sealed class FileWriters : IDisposable
{
    private readonly HandOver<FileBatch> _waiting;
    private readonly Queue<FileBatch> _idle = new();
    private readonly Thread[] _threads;
    private readonly IndexWriter? _index;
    private readonly object _gate = new();
    private FileBatch _current = new();
    private Exception? _fault;
    private int _pending;

    internal FileWriters(int threads, IndexWriter? index)
    {
        _index = index;
        _waiting = new HandOver<FileBatch>(threads);
        _threads = [.. Enumerable.Range(0, threads).Select(_ => new Thread(Work) { IsBackground = true, Name = "layer files" })];
        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>After this no thread touches the layer any more.</summary>
    public void Dispose()
    {
        _waiting.Finish(null);
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _current.Dispose();
        foreach (FileBatch batch in _idle)
        {
            batch.Dispose();
        }
    }

    /// <summary>A regular file of at most <see cref="FileBatch.LargestFile"/> bytes, whose name is free; its data are read now, the file is made soon.</summary>
    internal void Add(Microsoft.Win32.SafeHandles.SafeFileHandle directory, EntryPath path, TarEntry entry, TarEntryReader reader)
    {
        if (!_current.Fits(path.Latin1.Length, entry.SizeBytes))
        {
            Send();
        }

        Span<byte> place = _current.Add(directory, path, entry);
        while (!place.IsEmpty)
        {
            place = place[reader.ReadData(place)..];
        }
    }

    /// <summary>Waits until every file added so far is there, and in the index.</summary>
    /// <exception cref="IOException">The file system refused one of them.</exception>
    internal void Drain()
    {
        Send();
        lock (_gate)
        {
            while (_pending > 0)
            {
                Monitor.Wait(_gate);
            }
        }

        ThrowFault();
    }

    private void Send()
    {
        ThrowFault();
        if (_current.IsEmpty)
        {
            return;
        }

        lock (_gate)
        {
            _pending++;
        }

        _waiting.Put(_current);
        lock (_gate)
        {
            _current = _idle.TryDequeue(out FileBatch? idle) ? idle : new FileBatch();
        }
    }

    private void ThrowFault()
    {
        if (Volatile.Read(ref _fault) is { } fault)
        {
            ExceptionDispatchInfo.Throw(fault);
        }
    }

    private void Work()
    {
        var lines = _index is null ? null : new IndexLines();
        while (_waiting.Take() is { } batch)
        {
            try
            {
                batch.MakeAll(lines);
                if (lines is not null)
                {
                    _index!.Append(lines);
                }
            }
            catch (Exception e)
            {
                // Told to the thread that reads the archive, at its next step.
                Interlocked.CompareExchange(ref _fault, e, null);
            }

            lock (_gate)
            {
                _pending--;
                _idle.Enqueue(batch);
                Monitor.PulseAll(_gate);
            }
        }
    }
}
