using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>A stretch of a longer stream, which it owns.</summary>
/// <param name="skip">Bytes to be read and dropped first.</param>
internal sealed class BoundedStream(Stream inner, long skip, long length) : ForwardStream
{
    private long _skip = skip;
    private long _position;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        for (byte[] dropped = _skip > 0 ? new byte[81920] : []; _skip > 0;)
        {
            int got = inner.Read(dropped, 0, (int)Math.Min(dropped.Length, _skip));
            _skip -= got > 0 ? got : throw new InvalidDataException("the archive is shorter than when its index was made");
        }

        int read = inner.Read(buffer[..(int)Math.Min(buffer.Length, length - _position)]);
        _position += read;
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
