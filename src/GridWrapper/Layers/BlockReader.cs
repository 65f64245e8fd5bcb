namespace GridWrapper.Layers;

/// <summary>The blocks of a layer as one stream, or piece by piece without copying.</summary>
internal sealed class BlockReader(HandOver<Block> blocks) : ForwardStream
{
    private Block? _block;
    private int _at;

    /// <summary>Told of every block before anything of it is read.</summary>
    internal Action<Block>? Passing { get; set; }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        ReadOnlySpan<byte> piece = Take(buffer.Length);
        piece.CopyTo(buffer);
        return piece.Length;
    }

    /// <summary>At most so many bytes, valid until the next call; empty at the end.</summary>
    internal ReadOnlySpan<byte> Take(int max)
    {
        while (_block is null || _at == _block.Length)
        {
            _block?.Return();
            _block = null;
            _at = 0;
            _block = blocks.Take();
            if (_block is null)
            {
                return [];
            }

            Passing?.Invoke(_block);
        }

        int length = Math.Min(max, _block.Length - _at);
        _at += length;
        return _block.Bytes.AsSpan(_at - length, length);
    }

    /// <summary>What comes after the archive's end belongs to the layer's digest and is let pass.</summary>
    internal void Drain(CancellationToken ct)
    {
        while (!Take(int.MaxValue).IsEmpty)
        {
            ct.ThrowIfCancellationRequested();
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _block?.Return();
            _block = null;
        }

        base.Dispose(disposing);
    }
}
