using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Planning;

/// <summary>Inputs of plans, and verdicts.</summary>
internal static class Plans
{
    internal static readonly SiteProfile Site = new() { Name = "test", Strategies = ["a", "b", "c"], Launchers = ["one", "two"] };

    internal static PlanInput Input(SiteProfile? site = null) => new()
    {
        Site = site ?? Site,
        Host = new HostFacts { Node = NodeProbe.Probe("/nonexistent", ImmutableDictionary<string, string>.Empty) },
        Image = new ImageFacts { Reference = new ImageReference.InRegistry("docker.io", "library/demo", "1", null) },
        CacheDirectory = "/nonexistent",
    };

    internal static Verdict Yes(double seconds, long bytes = 0) => Verdict.Yes(new Cost(bytes, 1, 2, seconds), $"takes {seconds} s");

    internal static Verdict No(string reason, Blame blame = Blame.Site, bool retryable = false) => new Verdict.Refused
    {
        Reason = reason,
        Blame = blame,
        PilotErrorCode = PilotError.ContainerGeneralFailure,
        Retryable = retryable,
    };

    internal static Failure Trouble(Phase phase, string message) =>
        new() { Blame = Blame.Site, Phase = phase, Step = "fake", PilotErrorCode = PilotError.ContainerGeneralFailure, Message = message };
}
