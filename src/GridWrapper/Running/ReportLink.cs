using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Reporting;
using GridWrapper.Sites;

namespace GridWrapper.Running;

/// <summary>One job's line to the workload manager: starting, heartbeats, the final state. What it cannot deliver goes to the spool and never fails the job.</summary>
internal sealed class ReportLink : IAsyncDisposable
{
    private static readonly RoomLog Log = new(nameof(ReportLink));

    /// <summary>A payload of a moment ends while "running" is on its way: the server gets that long to hear of it before the final state.</summary>
    private static readonly TimeSpan FirstBeatPatience = TimeSpan.FromSeconds(3);

    private readonly IWorkloadManager _manager;
    private readonly string _server;
    private readonly JobIdentity? _identity;
    private readonly TimeProvider _time;
#pragma warning disable CA2213 // disposed by StopHeartbeatAsync, which DisposeAsync calls
    private Heartbeat? _heartbeat;
#pragma warning restore CA2213
    private int _updates;
    private int _pending;
    private string? _lastState;
    private bool _killedByServer;
    private UpdateAnswer? _first;
    private bool _heartbeatStopped;
    private bool _isDone;

    /// <param name="manager">With its spool.</param>
    /// <param name="server">For the account.</param>
    /// <param name="identity">Null for a job without a number: there is nothing to report on.</param>
    /// <param name="time">The clock.</param>
    internal ReportLink(IWorkloadManager manager, string server, JobIdentity? identity, TimeProvider time)
    {
        _manager = manager;
        _server = server;
        _identity = identity;
        _time = time;
    }

    internal ReportingState State => new(_server, _lastState, _updates, _pending);

    internal bool KilledByServer => _killedByServer;

    internal static ReportLink Open(IWorkloadManager manager, JobRequest job, RunSettings settings, TimeProvider time)
    {
        NodeFacts node = NodeProbe.Probe("/", settings.Environment);
        JobIdentity? identity = JobIdentity.Of(job, node, settings.Queue, name => settings.Environment.GetValueOrDefault(name));
        return new ReportLink(manager, settings.Server!, identity is null ? null : identity with { Grid = settings.Site.Panda.Grid }, time);
    }

    /// <summary>The client with its spool, for a server.</summary>
    internal static (IWorkloadManager Manager, UpdateSpool Spool, PandaClient Client) Connect(RunSettings settings, TimeProvider time)
    {
        Uri server = PandaOptions.ParseServer(settings.Server!);
        PandaClient client = new(new PandaOptions
        {
            Server = server,
            Credentials = PandaCredentials.FromEnvironment(CredentialSurroundings.OfProcess()),
            FinalUpdatePatience = TimeSpan.FromSeconds(settings.Site.Panda.FinalUpdateSeconds),
            Time = time,
        });
        UpdateSpool spool = new(UpdateSpool.DirectoryIn(settings.CacheDirectory), client.Server, time);
        return (new SpooledWorkloadManager(client, spool), spool, client);
    }

    /// <summary>The first update. A server that is away does not keep the job from running.</summary>
    internal async Task StartingAsync(StopSource stop, CancellationToken ct)
    {
        if (_identity is null)
        {
            return;
        }

        bool began = _first is not null;
        _first = await SendAsync(ReportMapper.Starting(_identity), ct);
        if (_first is not null && _first.Commands.Contains("tobekilled"))
        {
            _killedByServer = true;
            stop.RequestStop(StopReason.Cancelled);
        }

        // Said while inputs travel it ends nothing in the middle: it will be said again.
        if (!began && _first?.Commands.FirstOrDefault(static c => c is "badattemptnr" or "alreadydone") is { } word)
        {
            _isDone = true;
            throw new GridWrapperException(AlreadyRunning(_identity, word));
        }
    }

    /// <summary>Somebody else has it, or had it: nothing is run twice and nothing more is sent.</summary>
    private Failure AlreadyRunning(JobIdentity job, string word) => new()
    {
        Blame = Blame.Server,
        Phase = Phase.Job,
        Step = "starting",
        PilotErrorCode = PilotError.JobAlreadyRunning,
        Message = string.Create(
            CultureInfo.InvariantCulture,
            $"{_server} answers the first update of job {job.PandaId}, attempt {job.Attempt}, by '{word}': {(word == "alreadydone" ? "it has ended already" : "another attempt of it is the current one")}, so it was not run; see who handed it down a second time"),
    };

    /// <summary>Running, now and at each interval until <see cref="StopHeartbeatAsync"/>.</summary>
    internal void StartHeartbeat(StopSource stop, JobRequest job, PandaPolicy policy, PayloadView payload)
    {
        if (_identity is not { } identity)
        {
            return;
        }

        DateTimeOffset began = _time.GetUtcNow();
        _heartbeat = new Heartbeat(_manager, new HeartbeatOptions
        {
            Snapshot = tail => ReportMapper.Running(identity, began, tail, payload.Usage()),
            Stop = stop,
            Interval = TimeSpan.FromSeconds(policy.HeartbeatSeconds),
            DebugInterval = TimeSpan.FromSeconds(Math.Min(60, policy.HeartbeatSeconds)),
            Debug = job.Debug,
            Look = new DebugOutput(payload.JobDirectory).OfAsync,
            StdoutTail = () => payload.StdoutFile is { } file ? StdoutTail.Read(file, 2048) : null,
            Time = _time,
        });
        if (_first is { } first)
        {
            _heartbeat.Obey(first);
        }

        _heartbeat.Start();
    }

    /// <summary>Idempotent.</summary>
    internal async Task StopHeartbeatAsync()
    {
        if (_heartbeat is { } heartbeat && !_heartbeatStopped)
        {
            _heartbeatStopped = true;
            await Task.WhenAny(heartbeat.FirstBeat, Task.Delay(FirstBeatPatience, _time));
            await heartbeat.DisposeAsync();
            _killedByServer |= heartbeat.KilledByServer;
            _updates += heartbeat.Accepted;
            _lastState = heartbeat.Accepted > 0 ? "running" : _lastState;
        }
    }

    /// <summary>The final state. It is in the spool before it is sent, so that nothing is lost when this process is ended while the server is away.</summary>
    internal async Task FinalAsync(FinalReport report, CancellationToken ct)
    {
        if (_identity is null || _isDone)
        {
            return;
        }

        try
        {
            UpdateAnswer? answer = await SendAsync(ReportMapper.Final(_identity, report), ct);
            _pending = answer is { Accepted: true } ? 0 : 1;
        }
        catch (OperationCanceledException)
        {
            _pending = 1;
        }
    }

    public ValueTask DisposeAsync() => new(StopHeartbeatAsync());

    private async Task<UpdateAnswer?> SendAsync(JobUpdate update, CancellationToken ct)
    {
        try
        {
            UpdateAnswer answer = await _manager.UpdateJobAsync(update, ct);
            if (answer.Accepted)
            {
                _updates++;
                _lastState = update.JobStatus;
            }
            else
            {
                Log.Warn("the workload manager did not take {State}: {Detail}", update.JobStatus, answer.Detail);
            }

            return answer;
        }
        catch (GridWrapperException e)
        {
            Log.Warn("reporting {State} failed: {Message}", update.JobStatus, e.Message);
            return null;
        }
    }
}
