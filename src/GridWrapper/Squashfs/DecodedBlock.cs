using System.Buffers;

namespace GridWrapper.Squashfs;

/// <summary>A block that is being decoded, or is: who wants its bytes waits for them.</summary>
internal sealed class DecodedBlock
{
    private readonly object _gate = new();
    private byte[]? _bytes;
    private int _length;
    private bool _rented;
    private Exception? _fault;

    /// <summary>Bytes that are there already.</summary>
    internal static DecodedBlock Of(byte[] bytes) => new() { _bytes = bytes, _length = bytes.Length };

    /// <summary>Decodes on a thread of the pool.</summary>
    /// <param name="shared">Several files have their ends in it: the buffer is not given back.</param>
    internal static DecodedBlock Begin(SquashfsImage image, StoredBlock stored, bool shared)
    {
        var block = new DecodedBlock { _rented = !shared };
        ThreadPool.UnsafeQueueUserWorkItem(_ => block.Decode(image, stored), null);
        return block;
    }

    /// <exception cref="InvalidDataException">It could not be decoded, or holds less than that.</exception>
    internal byte[] Wait(int needed)
    {
        lock (_gate)
        {
            while (_bytes is null && _fault is null)
            {
                Monitor.Wait(_gate);
            }

            return _fault is { } fault ? throw new InvalidDataException(fault.Message, fault)
                : _length < needed ? throw new InvalidDataException("a block holds less than a file of it has")
                : _bytes!;
        }
    }

    /// <summary>Its only reader is done with it.</summary>
    internal void Release()
    {
        if (_rented && _bytes is { } bytes)
        {
            _bytes = null;
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void Decode(SquashfsImage image, StoredBlock stored)
    {
        byte[]? bytes = null;
        Exception? fault = null;
        int length = 0;
        try
        {
            bytes = _rented ? ArrayPool<byte>.Shared.Rent(image.Super.BlockSize) : new byte[image.Super.BlockSize];
            length = image.Decode(stored, bytes);
        }
        catch (Exception e)
        {
            // It is told to whoever waits, on the thread that can do something about it.
            fault = e;
        }

        lock (_gate)
        {
            (_bytes, _length, _fault) = (fault is null ? bytes : null, length, fault);
            Monitor.PulseAll(_gate);
        }
    }
}

/// <summary>A run of bytes of a stream in the making.</summary>
/// <param name="Block">Null: zeros.</param>
internal sealed record TarPiece(DecodedBlock? Block, int Offset, long Length);
