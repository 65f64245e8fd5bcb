using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>The stream of reports of one gridwrap-init.</summary>
internal sealed class InitReports(SafeFileHandle pipe) : IDisposable
{
    private readonly byte[] _record = new byte[InitReport.SizeBytes];

    /// <summary>There will be no more: nobody holds the other end.</summary>
    internal bool HasEnded { get; private set; }

    /// <summary>Waits for the next report; null when none came within the limit, or when there will be none.</summary>
    internal InitReport? Next(TimeSpan? limit)
    {
        if (HasEnded || !Pipe.WaitReadable(pipe, limit))
        {
            return null;
        }

        HasEnded = !Pipe.ReadExactly(pipe, _record);
        return HasEnded ? null : InitReport.Parse(_record);
    }

    public void Dispose() => pipe.Dispose();
}
