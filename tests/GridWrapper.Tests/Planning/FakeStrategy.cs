using GridWrapper.Diagnostics;
using GridWrapper.Planning;
using GridWrapper.Strategies;

namespace GridWrapper.Tests.Planning;

/// <summary>A strategy that thinks what it was told to think and makes a root filesystem of nothing, or fails.</summary>
internal sealed class FakeStrategy(string name, Func<RootfsForm, Verdict> verdict) : IRootfsStrategy
{
    internal FakeStrategy(string name, Verdict verdict)
        : this(name, _ => verdict)
    {
    }

    public string Name => name;

    public string Way { get; init; } = "";

    public bool LeavesRoot { get; init; } = true;

    /// <summary>Thrown when the root filesystem is to be made; null for success.</summary>
    internal Func<RootfsForm, Failure?> Fails { get; init; } = _ => null;

    /// <summary>The forms that were asked for, in order.</summary>
    internal List<RootfsForm> Made { get; } = [];

    public Verdict Judge(PlanInput input, RootfsForm form) => verdict(form);

    public Rootfs Predict(PlanInput input, RootfsForm form) => new() { Strategy = name, LowerDirectories = ["/predicted/" + name] };

    public Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        Made.Add(form);
        return Fails(form) is { } failure
            ? Task.FromException<Rootfs>(new GridWrapperException(failure))
            : Task.FromResult(new Rootfs { Strategy = name, LowerDirectories = ["/made/" + name] });
    }
}
