using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Tests.Planning;

/// <summary>A launcher that thinks what it was told to think, and whose payloads end at once.</summary>
internal sealed class FakeLauncher(string name, RootfsForm form, Verdict verdict) : ILauncher
{
    public string Name => name;

    public RootfsForm FormOn(HostFacts host) => form;

    public bool TakesOptionalBinds => true;

    internal int ExitCode { get; init; }

    /// <summary>Thrown instead of a result; null for success.</summary>
    internal Failure? Fails { get; init; }

    /// <summary>The lowest directory of each launch, in order.</summary>
    internal List<string> Launched { get; } = [];

    public Verdict Judge(PlanInput input) => verdict;

    public LaunchSpec Build(LaunchRequest request) => new()
    {
        Launcher = name,
        Argv = [request.Rootfs.LowerDirectories[0]],
        Environment = request.Environment,
        WorkingDirectory = "/",
    };

    public Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct)
    {
        Launched.Add(spec.Argv[0]);
        return Fails is { } failure
            ? Task.FromException<RunResult>(new GridWrapperException(failure))
            : Task.FromResult(new RunResult { ExitCode = ExitCode, StartedAt = DateTimeOffset.UnixEpoch, EndedAt = DateTimeOffset.UnixEpoch.AddSeconds(2) });
    }
}
