using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>One deflate stream on its way through the node's zlib. For one thread at a time.</summary>
internal sealed unsafe class Inflation : IDisposable
{
    /// <summary>Of what a stream can refer to.</summary>
    internal const int WindowBytes = 32 * 1024;

    private const int RawWindow = -15;
    private const int GzipWindow = 31;
    private const int ToOutputEnd = 0;
    private const int ToBlockEnd = 5;
    private const int StreamEnd = 1;
    private const int NoProgress = -5;
    private const int AfterBlock = 128;
    private const int InLastBlock = 64;
    private const int UnusedBits = 7;

    private readonly LibZ _library;
    private LibZ.ZStream* _stream;

    /// <exception cref="IOException">The library refuses: no memory, or it is not what it should be.</exception>
    internal Inflation(LibZ library)
    {
        _library = library;
        _stream = (LibZ.ZStream*)NativeMemory.AllocZeroed((nuint)sizeof(LibZ.ZStream));
        int refused = library.Init(_stream, GzipWindow, library.Version, sizeof(LibZ.ZStream));
        if (refused != 0)
        {
            NativeMemory.Free(_stream);
            _stream = null;
            GC.SuppressFinalize(this);
            throw new IOException($"inflateInit2_ answered {refused}");
        }
    }

    ~Inflation() => Free();

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>From the header of a gzip member.</summary>
    internal void BeginMember() => Demand(_library.Reset(Stream, GzipWindow));

    /// <summary>From the middle of one.</summary>
    /// <param name="bits">How many of the byte before the next one have not been used.</param>
    /// <param name="before">That byte.</param>
    /// <param name="window">What came out just before; at most <see cref="WindowBytes"/>.</param>
    internal void BeginAt(int bits, byte before, ReadOnlySpan<byte> window)
    {
        Demand(_library.Reset(Stream, RawWindow));
        if (bits > 0)
        {
            Demand(_library.Prime(Stream, bits, before >> (8 - bits)));
        }

        fixed (byte* bytes = window)
        {
            Demand(window.IsEmpty ? 0 : _library.SetDictionary(Stream, bytes, (uint)window.Length));
        }
    }

    /// <summary>As far as input and output reach, or the end of the member.</summary>
    /// <param name="toBlockEnd">Or the end of a block.</param>
    internal InflationStep Run(ReadOnlySpan<byte> input, Span<byte> output, bool toBlockEnd)
    {
        LibZ.ZStream* stream = Stream;
        fixed (byte* from = input, to = output)
        {
            stream->NextIn = from;
            stream->AvailableIn = (uint)input.Length;
            stream->NextOut = to;
            stream->AvailableOut = (uint)output.Length;
            int result = _library.Inflate(stream, toBlockEnd ? ToBlockEnd : ToOutputEnd);
            stream->NextIn = null;
            stream->NextOut = null;
            bool between = (stream->DataType & AfterBlock) != 0 && (stream->DataType & InLastBlock) == 0;
            return new InflationStep(input.Length - (int)stream->AvailableIn, output.Length - (int)stream->AvailableOut)
            {
                IsDamaged = result is not (0 or StreamEnd or NoProgress),
                IsEnd = result == StreamEnd,
                BlockEndBits = between && result == 0 ? stream->DataType & UnusedBits : -1,
            };
        }
    }

    private LibZ.ZStream* Stream => _stream != null ? _stream : throw new ObjectDisposedException(nameof(Inflation));

    private static void Demand(int result)
    {
        if (result != 0)
        {
            throw new InvalidDataException($"zlib cannot begin there (it answers {result})");
        }
    }

    private void Free()
    {
        if (_stream != null)
        {
            _ = _library.End(_stream);
            NativeMemory.Free(_stream);
            _stream = null;
        }
    }
}

/// <summary>What one call did.</summary>
/// <param name="Read">Bytes of the input.</param>
/// <param name="Written">Bytes of the output.</param>
internal readonly record struct InflationStep(int Read, int Written)
{
    /// <summary>These are no deflate data.</summary>
    public required bool IsDamaged { get; init; }

    /// <summary>The member has ended: where it was begun at its header, behind its checksums.</summary>
    public required bool IsEnd { get; init; }

    /// <summary>At the end of a block that is not the member's last: how many bits of the last byte belong to the next; -1 elsewhere.</summary>
    public required int BlockEndBits { get; init; }
}
