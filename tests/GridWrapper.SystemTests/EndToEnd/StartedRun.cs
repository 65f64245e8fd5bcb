using System.Diagnostics;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>The published file while it runs; its process is the one that was started, so signals go straight to it.</summary>
internal sealed class StartedRun : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

    private readonly Process _process;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Task<string> _stdout;
    private readonly Task<string> _stderr;

    internal StartedRun(ProcessStartInfo start, string? input)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _stdout = _process.StandardOutput.ReadToEndAsync();
        _stderr = _process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            _process.StandardInput.Write(input);
        }

        _process.StandardInput.Close();
    }

    internal int Id => _process.Id;

    /// <summary>A test that failed half-way leaves nothing running.</summary>
    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    internal void Signal(string name) => Tool.Run("/bin/kill", $"-{name}", _process.Id.ToString());

    /// <summary>Nothing happens where it has ended already.</summary>
    internal void Kill() => _process.Kill();

    /// <summary>Waits for something that it does.</summary>
    internal async Task UntilAsync(Func<bool> condition, CancellationToken ct)
    {
        while (!condition())
        {
            if (_process.HasExited)
            {
                Assert.Fail($"it ended before: {await EndAsync(ct)}");
            }

            await Task.Delay(50, ct);
        }
    }

    /// <summary>Waits for its end, and for the end of everything that holds its stdout or stderr.</summary>
    internal async Task<Outcome> EndAsync(CancellationToken ct)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            TimeSpan elapsed = _clock.Elapsed;
            return new Outcome(_process.ExitCode, await _stdout.WaitAsync(limit.Token), await _stderr.WaitAsync(limit.Token), elapsed);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException($"gridwrap did not end within {_clock.Elapsed.TotalSeconds:0} s");
        }
    }
}
