using System.Runtime.InteropServices;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>Reads zstd frames through the node's libzstd. Frames may follow one another, as in zstd:chunked; windows above 128 MiB are refused by the library.</summary>
internal sealed unsafe class ZstdStream : ForwardStream
{
    private readonly Stream _inner;
    private readonly byte[] _input = new byte[128 * 1024];
    private nint _decoder;
    private int _inputStart;
    private int _inputEnd;
    private bool _frameOpen;

    /// <exception cref="DllNotFoundException">This node has no libzstd.so.1.</exception>
    internal ZstdStream(Stream inner)
    {
        _inner = inner;
        _decoder = LibZstd.CreateStream();
        if (_decoder == 0)
        {
            throw new IOException("libzstd could not allocate a decoder");
        }
    }

    ~ZstdStream() => Dispose(disposing: false);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_decoder == 0, this);
        while (!buffer.IsEmpty)
        {
            bool ended = _inputStart == _inputEnd && !Refill();
            if (ended && !_frameOpen)
            {
                return 0;
            }

            int produced = Decode(buffer);
            if (produced > 0)
            {
                return produced;
            }

            if (ended)
            {
                throw new InvalidDataException("the zstd data end in the middle of a frame");
            }
        }

        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (_decoder != 0)
        {
            LibZstd.FreeStream(_decoder);
            _decoder = 0;
        }

        if (disposing)
        {
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private bool Refill()
    {
        _inputStart = 0;
        _inputEnd = _inner.Read(_input);
        return _inputEnd > 0;
    }

    private int Decode(Span<byte> buffer)
    {
        fixed (byte* source = _input, destination = buffer)
        {
            var input = new LibZstd.InBuffer { Source = source, Size = (nuint)_inputEnd, Position = (nuint)_inputStart };
            var output = new LibZstd.OutBuffer { Destination = destination, Size = (nuint)buffer.Length };
            nuint hint = LibZstd.Decompress(_decoder, &output, &input);
            if (LibZstd.IsError(hint) != 0)
            {
                throw new InvalidDataException($"the zstd data are damaged: {Marshal.PtrToStringUTF8(LibZstd.ErrorName(hint))}");
            }

            _inputStart = (int)input.Position;
            _frameOpen = hint != 0;
            return (int)output.Position;
        }
    }
}
