using System.Security.Cryptography;
using GridWrapper.Images;

namespace GridWrapper.Layers;

/// <summary>
/// A blob that is checked while it is read: exactly the stated size (one byte past the end is asked for) and the stated digest.
/// The end of the stream is only reported after both held, so whoever read to the end has the right bytes.
/// </summary>
internal sealed class VerifiedStream : ForwardStream
{
    private readonly Stream _inner;
    private readonly Descriptor _expected;
    private readonly Func<string, Exception> _fault;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _position;
    private bool _verified;

    /// <param name="fault">Makes the exception for a mismatch from its description.</param>
    internal VerifiedStream(Stream inner, Descriptor expected, Func<string, Exception> fault)
    {
        _inner = inner;
        _expected = expected;
        _fault = fault;
    }

    public override long Length => _expected.SizeBytes;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (_verified || buffer.IsEmpty)
        {
            return 0;
        }

        int got = _inner.Read(buffer);
        Account(buffer[..got]);
        return got;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_verified || buffer.IsEmpty)
        {
            return 0;
        }

        int got = await _inner.ReadAsync(buffer, cancellationToken);
        Account(buffer.Span[..got]);
        return got;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Account(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            Finish();
            return;
        }

        _position += bytes.Length;
        if (_position > _expected.SizeBytes)
        {
            throw _fault($"more than the stated {_expected.SizeBytes} bytes came");
        }

        _hash.AppendData(bytes);
    }

    private void Finish()
    {
        if (_position < _expected.SizeBytes)
        {
            throw _fault($"only {_position} of the stated {_expected.SizeBytes} bytes came");
        }

        Digest got = Digest.FromHash(_hash.GetHashAndReset());
        if (got != _expected.Digest)
        {
            throw _fault($"the {_position} bytes that came have the digest {got}");
        }

        _verified = true;
    }
}
