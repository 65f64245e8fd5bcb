using GridWrapper.Launching;
using GridWrapper.Linux;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;
using GridWrapper.Tests.Planning;

namespace GridWrapper.Tests.Running;

/// <summary>Runs a payload's shell text in the job directory without any container: real streams, exit codes and signals, and no namespaces.</summary>
internal sealed class NodeLauncher(string jobDirectory) : ILauncher
{
    public string Name => "one";

    public bool TakesOptionalBinds => true;

    /// <summary>Put into each result.</summary>
    internal Func<RunResult, RunResult> Completed { get; init; } = static result => result;

    /// <summary>Done when the payload has begun.</summary>
    internal Action<RunControl> Began { get; init; } = static _ => { };

    public RootfsForm FormOn(HostFacts host) => RootfsForm.Stack;

    public Verdict Judge(PlanInput input) => Plans.Yes(0);

    public LaunchSpec Build(LaunchRequest request) =>
        new() { Launcher = Name, Argv = request.Command, Environment = request.Environment, WorkingDirectory = "/" };

    public async Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct)
    {
        DateTimeOffset started = DateTimeOffset.UtcNow;
        ChildProcess child = ChildProcess.Start(new ChildSpec
        {
            Program = spec.Argv[0],
            Argv = spec.Argv,
            Environment = ["PATH=/usr/bin:/bin"],
            Descriptors = control.StandardOutput is { } stdout && control.StandardError is { } stderr ? [(1, (int)stdout.DangerousGetHandle()), (2, (int)stderr.DangerousGetHandle())] : [],
            NewProcessGroup = true,
            KillGroupAtExit = true,
            WorkingDirectory = jobDirectory,
        });
        control.Started?.Invoke(child.Pid);
        using IDisposable listening = control.Stop.Listen(signal => child.Signal(signal, group: true));
        Began(control);
        ChildExit exit = await child.Exit;
        return Completed(new RunResult
        {
            ExitCode = exit.Code,
            Signal = exit.Signal,
            StartedAt = started,
            EndedAt = DateTimeOffset.UtcNow,
            CpuSeconds = exit.CpuSeconds,
            MaxRssBytes = exit.MaxRssBytes,
            StopReason = control.Stop.Reason,
        });
    }
}
