using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>Inflates a gzip blob of one or more members, keeps it as it comes, and notes where it can be entered later. What is behind the last member is kept and means nothing.</summary>
/// <param name="copy">An empty file, for the blob.</param>
internal sealed class CheckpointingStream(Stream blob, SafeFileHandle copy, LibZ library, CheckpointWriter notes) : ForwardStream
{
    private const int InputBytes = 128 * 1024;

    private readonly Inflation _inflation = new(library);
    private readonly byte[] _input = new byte[InputBytes];

    /// <summary>The last bytes that came out before the present read.</summary>
    private readonly byte[] _stash = new byte[Inflation.WindowBytes];
    private int _start;
    private int _end;
    private long _received;
    private long _unpacked;
    private long _inMember;
    private bool _memberOpen;
    private bool _finished;

    private long Packed => _received - (_end - _start);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int done = 0;
        int idle = 0;
        while (done < buffer.Length && (_memberOpen || OpenMember()))
        {
            if (_start == _end && !Refill())
            {
                throw new InvalidDataException("its gzip data end too early");
            }

            InflationStep step = _inflation.Run(_input.AsSpan(_start, _end - _start), buffer[done..], toBlockEnd: true);
            idle = step is { Read: 0, Written: 0, IsEnd: false } ? idle + 1 : 0;
            if (step.IsDamaged || idle > 1)
            {
                throw new InvalidDataException("its gzip data is damaged");
            }

            _start += step.Read;
            done += step.Written;
            _unpacked += step.Written;
            _inMember += step.Written;
            _memberOpen = !step.IsEnd;
            if (step.BlockEndBits >= 0 && notes.Since(_unpacked) >= CheckpointWriter.Stretch)
            {
                notes.Add(new Checkpoint { Packed = Packed, Unpacked = _unpacked, Bits = step.BlockEndBits }, Window(buffer[..done]));
            }
        }

        Stash(buffer[..done]);
        notes.Pass(buffer[..done]);
        return done;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inflation.Dispose();
            blob.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>False at the end of the blob, which is kept to its last byte by then.</summary>
    private bool OpenMember()
    {
        bool more = !_finished && (_end - _start >= 2 || Refill());
        if (more && _end - _start < 2)
        {
            Refill();
        }

        if (!more || _end - _start < 2 || _input[_start] != 0x1F || _input[_start + 1] != 0x8B)
        {
            for (_finished = true, _start = _end; Refill(); _start = _end)
            {
            }

            return false;
        }

        if (notes.Since(_unpacked) >= CheckpointWriter.MemberStretch)
        {
            notes.Add(new Checkpoint { Packed = Packed, Unpacked = _unpacked, Bits = Checkpoint.AtMember }, []);
        }

        _inflation.BeginMember();
        (_memberOpen, _inMember) = (true, 0);
        return true;
    }

    /// <summary>More of the blob, behind what is left of it.</summary>
    private bool Refill()
    {
        _input.AsSpan(_start, _end - _start).CopyTo(_input);
        (_start, _end) = (0, _end - _start);
        int got = blob.Read(_input.AsSpan(_end));
        FileMaker.Demand(At.WriteAll(copy, _input.AsSpan(_end, got), _received), "pwrite", "blob"u8.ToArray());
        _received += got;
        _end += got;
        return got > 0;
    }

    /// <summary>What a stream at this place can refer to: no more than its member has.</summary>
    private ReadOnlySpan<byte> Window(ReadOnlySpan<byte> read)
    {
        int length = (int)Math.Min(_inMember, Inflation.WindowBytes);
        if (read.Length >= length)
        {
            return read[^length..];
        }

        byte[] window = new byte[length];
        read.CopyTo(window.AsSpan(length - read.Length));
        _stash.AsSpan(Inflation.WindowBytes - (length - read.Length)).CopyTo(window);
        return window;
    }

    private void Stash(ReadOnlySpan<byte> read)
    {
        if (read.Length < Inflation.WindowBytes)
        {
            _stash.AsSpan(read.Length).CopyTo(_stash);
        }

        ReadOnlySpan<byte> last = read[^Math.Min(read.Length, Inflation.WindowBytes)..];
        last.CopyTo(_stash.AsSpan(Inflation.WindowBytes - last.Length));
    }
}
