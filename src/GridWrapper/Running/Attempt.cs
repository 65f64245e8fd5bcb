using GridWrapper.Diagnostics;

namespace GridWrapper.Running;

/// <summary>One candidate tried: how far it came and, where it failed, why. The successful one is the last.</summary>
internal sealed record Attempt(string Strategy, string Launcher, Phase Phase, double Seconds, Failure? Failure)
{
    /// <summary>What the root was put together with: "overlay", "fuse-overlayfs", "binds"; null where it did not come to that, or is not known.</summary>
    public string? Root { get; init; }

    /// <summary>Which way of the strategy, where it has several; else empty.</summary>
    public string Way { get; init; } = "";
}
