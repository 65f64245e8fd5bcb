using GridWrapper.Diagnostics;
using GridWrapper.Launching;

namespace GridWrapper.Running;

/// <summary>
/// The file by which whoever has the job directory ends the payload, as under the PanDA pilot: `touch pilot_kill_payload` there or in $PILOT_HOME. For stand-alone jobs only,
/// because a pilot looks for it itself.
/// </summary>
internal sealed class KillFile(RunSettings settings, TimeProvider time, TimeSpan interval) : IAsyncDisposable
{
    internal const string Name = "pilot_kill_payload";

    /// <summary>As often as the pilot looks.</summary>
    internal static readonly TimeSpan UsualInterval = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource _end = new();
    private Task _watch = Task.CompletedTask;
    private string? _found;

    /// <summary>The payload was ended for it; null otherwise.</summary>
    internal Failure? Failure => _found is not { } path ? null : new Failure
    {
        Blame = Blame.User,
        Phase = Phase.Payload,
        Step = "kill-file",
        PilotErrorCode = PilotError.UserKill,
        Message = $"the payload was ended because the file {path} was made: whoever has the job directory wanted it; submit the job again if that was a mistake",
        ExitCode = ExitCodes.SignalBase + Linux.Libc.SIGTERM,
    };

    internal void Start(StopSource stop) => _watch = Task.Run(() => WatchAsync(stop, _end.Token));

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _watch;
        _end.Dispose();
    }

    private async Task WatchAsync(StopSource stop, CancellationToken ct)
    {
        string[] places = [settings.WorkDirectory, .. settings.Environment.GetValueOrDefault("PILOT_HOME") is ['/', ..] home ? (string[])[home] : []];
        while (true)
        {
            await Task.WhenAny(Task.Delay(interval, time, ct));
            if (ct.IsCancellationRequested)
            {
                return;
            }

            if (places.Select(static p => Path.Combine(p, Name)).FirstOrDefault(File.Exists) is { } path)
            {
                _found = path;
                stop.RequestStop(StopReason.Cancelled);
                return;
            }
        }
    }
}
