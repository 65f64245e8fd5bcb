using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>An inflate state somewhere in the blob of a layer, so that who reads on need not begin at a checkpoint. Used by whoever holds <see cref="Gate"/>.</summary>
internal sealed class InflateRun(LibZ library) : IDisposable
{
    private const int InputBytes = 32 * 1024;
    private const int TrailerBytes = 8;

    private readonly Inflation _inflation = new(library);
    private readonly byte[] _input = new byte[InputBytes];
    private int _start;
    private int _end;
    private long _at;
    private bool _raw;
    private bool _started;
    private long _next;

    internal Lock Gate { get; } = new();

    /// <summary>Whose piece comes next.</summary>
    internal GzipArchive? Archive { get; set; }

    /// <summary>The piece that comes next.</summary>
    internal long Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    /// <summary>Who use it, or wait for it; and when it was last chosen. Of the pool, under its lock.</summary>
    internal int Users { get; set; }

    internal long Used { get; set; }

    public void Dispose() => _inflation.Dispose();

    /// <summary>What it was in the middle of does not count any more.</summary>
    internal void Forget() => _started = false;

    /// <summary>Whether it can come to a piece without beginning anew.</summary>
    internal bool Reaches(GzipArchive archive, long piece) => _started && ReferenceEquals(Archive, archive) && Next <= piece && Next >= archive.Table.FirstPiece(archive.Table.Before(piece));

    /// <summary>Begins at the last checkpoint before a piece.</summary>
    /// <param name="scratch">For what lies between checkpoint and piece.</param>
    internal void Start(GzipArchive archive, long piece, Span<byte> scratch)
    {
        int number = archive.Table.Before(piece);
        Checkpoint point = archive.Table.Checkpoints[number];
        _started = false;
        (Archive, Next) = (archive, archive.Table.FirstPiece(number));
        (_start, _end, _at, _raw) = (0, 0, point.Packed, point.Bits >= 0);
        if (_raw)
        {
            byte[] window = archive.Window(point);
            _at -= point.Bits > 0 ? 1 : 0;
            _inflation.BeginAt(point.Bits, point.Bits > 0 ? Take() : (byte)0, window);
        }
        else
        {
            _inflation.BeginMember();
        }

        long between = Math.Min(Next * CheckpointTable.PieceBytes, archive.Table.ArchiveBytes) - point.Unpacked;
        Inflate(scratch[..(int)between]);
        _started = true;
    }

    /// <summary>The next piece, as the blob has it.</summary>
    /// <exception cref="InvalidDataException">The blob is damaged, or ends.</exception>
    internal void Inflate(Span<byte> into)
    {
        for (int idle = 0; !into.IsEmpty;)
        {
            if (_start == _end)
            {
                Refill();
            }

            InflationStep step = _inflation.Run(_input.AsSpan(_start, _end - _start), into, toBlockEnd: false);
            idle = step is { Read: 0, Written: 0, IsEnd: false } ? idle + 1 : 0;
            if (step.IsDamaged || idle > 1)
            {
                throw new InvalidDataException($"it cannot be inflated at {_at - (_end - _start)}");
            }

            _start += step.Read;
            into = into[step.Written..];
            if (step.IsEnd && !into.IsEmpty)
            {
                NextMember();
            }
        }
    }

    /// <summary>Members that are empty are passed like others.</summary>
    private void NextMember()
    {
        for (int left = _raw ? TrailerBytes : 0; left > 0; left--)
        {
            _ = Take();
        }

        _raw = false;
        _inflation.BeginMember();
    }

    private byte Take()
    {
        if (_start == _end)
        {
            Refill();
        }

        return _input[_start++];
    }

    private void Refill()
    {
        int got = Archive!.ReadBlob(_at, _input);
        (_start, _end, _at) = (0, got, _at + got);
        if (got == 0)
        {
            throw new InvalidDataException("it is cut short");
        }
    }
}
