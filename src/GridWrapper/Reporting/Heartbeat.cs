using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Linux;

namespace GridWrapper.Reporting;

/// <summary>
/// Tells the workload manager that the payload runs, and does what it answers. Writes no file: one touched periodically in the job directory would
/// blind the pilot's search for stuck jobs.
/// </summary>
internal sealed class Heartbeat : IAsyncDisposable
{
    private static readonly RoomLog Log = new(nameof(Heartbeat));

    private readonly IWorkloadManager _manager;
    private readonly HeartbeatOptions _options;
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource _firstBeat = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastSuccess;
    private volatile bool _debug;
    private volatile DebugCommand? _look;
    private Task _loop = Task.CompletedTask;

    internal Heartbeat(IWorkloadManager manager, HeartbeatOptions options)
    {
        _manager = manager;
        _options = options;
        _debug = options.Debug;
        _lastSuccess = options.Time.GetTimestamp();
    }

    /// <summary>The server asked for the payload's end; the final update then names PANDAKILL and no outputs.</summary>
    internal bool KilledByServer { get; private set; }

    /// <summary>The server wants no more updates of this job.</summary>
    internal bool ServerIsDone { get; private set; }

    /// <summary>Accepted updates so far.</summary>
    internal int Accepted { get; private set; }

    /// <summary>Ends when the first update was answered or given up.</summary>
    internal Task FirstBeat => _firstBeat.Task;

    /// <summary>Sends "running" now and from then on at each interval, until disposed.</summary>
    internal void Start() => _loop = Task.Run(() => LoopAsync(_end.Token));

    /// <summary>Does what an answer asks for; also for answers to updates that were sent by others.</summary>
    internal void Obey(UpdateAnswer answer)
    {
        foreach (string command in answer.Commands)
        {
            Obey(command);
        }
    }

    /// <summary>Ends the loop and waits until no update is on its way any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _loop;
        _end.Dispose();
    }

    private async Task LoopAsync(CancellationToken ct)
    {
        try
        {
            while (!KilledByServer && !ServerIsDone)
            {
                await BeatAsync(ct);
                _ = _firstBeat.TrySetResult();
                if (_options.Time.GetElapsedTime(_lastSuccess) >= _options.LostAfter)
                {
                    Log.Error("no update was accepted for {Seconds} s; the payload is stopped", _options.LostAfter.TotalSeconds);
                    _options.Stop.RequestStop(StopReason.LostHeartbeat);
                    return;
                }

                await Task.Delay(_debug ? _options.DebugInterval : _options.Interval, _options.Time, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Log.Debug("heartbeat ended");
        }
        finally
        {
            _ = _firstBeat.TrySetResult();
        }
    }

    private async Task BeatAsync(CancellationToken ct)
    {
        UpdateAnswer answer;
        try
        {
            answer = await _manager.UpdateJobAsync(_options.Snapshot(await ShownAsync(ct)), ct);
        }
        catch (Exception e) when (e is GridWrapperException or IOException)
        {
            // Credentials may be renewed on disk while the payload runs.
            Log.Warn("heartbeat: {Message}", e.Message);
            return;
        }

        if (answer.Accepted)
        {
            _lastSuccess = _options.Time.GetTimestamp();
            Accepted++;
            Obey(answer);
        }
    }

    /// <summary>In debug mode: what was asked for, else the end of stdout.</summary>
    private async Task<string?> ShownAsync(CancellationToken ct) =>
        !_debug ? null : _look is { } command ? await _options.Look(command, ct) : _options.StdoutTail();

    private void Obey(string command)
    {
        if (DebugCommand.IsOne(command))
        {
            ObeyLook(command);
            return;
        }

        switch (command)
        {
            case "tobekilled":
                Log.Warn("the workload manager asks for the end of the job");
                KilledByServer = true;
                _options.Stop.RequestStop(StopReason.Cancelled);
                break;
            case "softkill":
                Log.Warn("the workload manager asks the payload to finish early");
                _options.Stop.Forward(Libc.SIGTERM);
                break;
            case "debug":
                _debug = true;
                _look = null;
                break;
            case "debugoff":
                _debug = false;
                _look = null;
                break;
            case "alreadydone" or "badattemptnr":
                Log.Warn("the workload manager wants no more updates: {Command}", command);
                ServerIsDone = true;
                break;
            default:
                Log.Info("a command of the workload manager is not supported: {Command}", ServerAnswer.OneLine(command));
                break;
        }
    }

    /// <summary>From now on each update shows this, once a minute, until another command or debugoff.</summary>
    private void ObeyLook(string command)
    {
        if (DebugCommand.TryParse(command, out DebugCommand? look, out string error))
        {
            _look = look;
            _debug = true;
        }
        else
        {
            Log.Warn("a command of the workload manager is refused: {Error}", error);
        }
    }
}
