using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Launching;

/// <summary>One way of running a payload in a root filesystem.</summary>
internal interface ILauncher
{
    /// <summary>Fixed name in options, plans and reports.</summary>
    string Name { get; }

    /// <summary>The richest form of root filesystem it takes on this node.</summary>
    RootfsForm FormOn(HostFacts host);

    /// <summary>It passes over optional binds whose source is missing by itself; for others the caller leaves them out.</summary>
    bool TakesOptionalBinds { get; }

    /// <summary>Pure: whether it can work on this node.</summary>
    Verdict Judge(PlanInput input);

    /// <summary>Pure: the complete launch. Called for dry runs with a predicted root filesystem and for runs with the real one.</summary>
    LaunchSpec Build(LaunchRequest request);

    /// <summary>Runs it to the end. A payload that fails is a result; <see cref="Diagnostics.GridWrapperException"/> means that the payload never started.</summary>
    Task<RunResult> RunAsync(LaunchSpec spec, RunControl control, CancellationToken ct);
}
