using System.Security.Cryptography;
using GridWrapper.Images;

namespace GridWrapper.Layers;

/// <summary>Computes the digest of what is read through it, and stops what grows beyond a limit. Synchronous: the unpacking loop has its own thread.</summary>
internal sealed class DigestingStream(Stream inner, long maxBytes) : Stream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int got = inner.Read(buffer);
        _hash.AppendData(buffer[..got]);
        _position += got;
        return _position <= maxBytes ? got : throw new InvalidDataException($"the layer unpacks to more than {maxBytes} bytes, far beyond what its compressed size allows");
    }

    /// <summary>Reads to the end and gives the digest of everything.</summary>
    internal Digest Finish(CancellationToken ct)
    {
        byte[] rest = new byte[81920];
        while (Read(rest.AsSpan()) > 0)
        {
            ct.ThrowIfCancellationRequested();
        }

        return Digest.FromHash(_hash.GetHashAndReset());
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
