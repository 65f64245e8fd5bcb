using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Reads a probe child's records from its pipe. Every record that names a step starts that step's deadline.</summary>
internal sealed class ProbeReader(int fd, TimeProvider time) : IDisposable
{
    /// <summary>How soon a cancellation is noticed.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    /// <summary>A child that writes more than this is broken.</summary>
    private const int MaxBytes = 1 << 20;

    private readonly MemoryStream _pending = new();
    private long _stepStart = time.GetTimestamp();
    private int _total;

    internal Dictionary<string, string> Values { get; } = new(StringComparer.Ordinal);

    internal string Step { get; private set; } = "start";

    public void Dispose()
    {
        Touch.Close(fd);
        _pending.Dispose();
    }

    /// <summary>Starting, making autofs mount something, and running a foreign program may take long; the other steps may not.</summary>
    internal static TimeSpan Allowance(ProbeQuestion question, string step) =>
        step is "start" or "root" or "open" or "run" ? question.FirstDeadline : question.StepDeadline;

    /// <summary>Blocks until the child closed the pipe (true), or a deadline passed or the caller gave up (false).</summary>
    internal bool ReadAll(ProbeQuestion question, CancellationToken ct)
    {
        byte[] buffer = new byte[16 * 1024];
        while (!ct.IsCancellationRequested)
        {
            TimeSpan left = Allowance(question, Step) - time.GetElapsedTime(_stepStart);
            if (left <= TimeSpan.Zero || _total > MaxBytes)
            {
                return false;
            }

            if (!Readable(left < Glance ? left : Glance))
            {
                continue;
            }

            int count = Read(buffer);
            if (count <= 0)
            {
                return true;
            }

            _total += count;
            Take(buffer.AsSpan(0, count));
        }

        return false;
    }

    private unsafe bool Readable(TimeSpan limit)
    {
        const short In = 1;
        Libc.PollFd poll = new() { Fd = fd, Events = In };
        return Libc.Poll(&poll, 1, Math.Max(1, (int)limit.TotalMilliseconds)) > 0;
    }

    private unsafe int Read(byte[] buffer)
    {
        fixed (byte* place = buffer)
        {
            return (int)Libc.Read(fd, place, buffer.Length);
        }
    }

    private void Take(ReadOnlySpan<byte> bytes)
    {
        while (bytes.IndexOf((byte)0) is >= 0 and int end)
        {
            _pending.Write(bytes[..end]);
            Accept(Encoding.UTF8.GetString(_pending.GetBuffer(), 0, (int)_pending.Length));
            _pending.SetLength(0);
            bytes = bytes[(end + 1)..];
        }

        _pending.Write(bytes);
    }

    private void Accept(string record)
    {
        int equals = record.IndexOf('=', StringComparison.Ordinal);
        string key = equals < 0 ? record : record[..equals];
        string value = equals < 0 ? "" : record[(equals + 1)..];
        if (key == ProbeOutput.StepKey)
        {
            Step = value;
            _stepStart = time.GetTimestamp();
        }
        else
        {
            Values[key] = value;
        }
    }
}
