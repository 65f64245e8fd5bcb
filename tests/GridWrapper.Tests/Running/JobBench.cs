using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Reporting;
using GridWrapper.Running;
using GridWrapper.Tests.Planning;
using GridWrapper.Tests.Reporting;

namespace GridWrapper.Tests.Running;

/// <summary>A whole job from its request to its last update, with everything real but the container, the node's survey and the server.</summary>
internal sealed class JobBench : IDisposable
{
    private readonly RunningScratch _scratch = new();

    internal JobBench() => Settings = _scratch.Settings with
    {
        Site = Plans.Site,
        Server = "https://panda.example:25443",
        Queue = "QUEUE",
        Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
    };

    internal RunSettings Settings { get; set; }

    internal ScriptedManager Manager { get; init; } = new(static _ => ScriptedManager.Accepted);

    internal SignalForwarding Signals { get; } = new();

    internal Func<RunResult, RunResult> Completed { get; init; } = static result => result;

    internal Action<RunControl> Began { get; init; } = static _ => { };

    internal TimeSpan KillFileInterval { get; init; } = KillFile.UsualInterval;

    internal string Directory => Settings.WorkDirectory;

    /// <summary>What the server heard last.</summary>
    internal JobUpdate Last => Manager.Updates[^1];

    internal static JobRequest Job(string exec) => RunningScratch.Request(exec) with { PandaId = 42, Attempt = 1, Transformation = "http://panda.example/trf/runcontainer", DataDirectory = "/data", WorkDirectory = "/data" };

    internal Task<JobOutcome> RunAsync(string exec) => RunAsync(Job(exec));

    internal async Task<JobOutcome> RunAsync(JobRequest job)
    {
        FakeStrategy[] strategies = [new FakeStrategy("a", Plans.Yes(1))];
        ILauncher[] launchers = [new NodeLauncher(Directory) { Completed = Completed, Began = Began }];
        using Composition parts = Composition.Of(Settings, [.. strategies], [.. launchers]);
        PlanInput input = Plans.Input(Settings.Site);
        Prepared prepared = new(input, Planner.Plan(input, [.. strategies], [.. launchers]), new Timings());
        await using ReportLink? link = Settings.Server is null ? null : ReportLink.Open(Manager, job, Settings, TimeProvider.System);
        return await new JobRunner(parts, job, link, Signals) { Survey = (_, _) => Task.FromResult(prepared), KillFileInterval = KillFileInterval }.RunAsync();
    }

    public void Dispose()
    {
        Signals.Dispose();
        _scratch.Dispose();
    }
}
