using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Tests.Reporting;

namespace GridWrapper.Tests.Running;

/// <summary>Slots that should not ask for a job.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class PilotFitnessTests
{
    [Provokes(PilotError.PandaQueueNotActive, PilotError.PandaQueueNotOnline)]
    [TestCase("{\"state\": \"INACTIVE\", \"status\": \"online\"}", PilotError.PandaQueueNotActive, "INACTIVE, not ACTIVE")]
    [TestCase("{\"Q\": {\"state\": \"ACTIVE\", \"status\": \"offline\"}}", PilotError.PandaQueueNotOnline, "is offline")]
    public async Task A_queue_that_is_switched_off_is_not_asked(string queuedata, int pilot, string words)
    {
        using RunningScratch scratch = new();
        RunSettings settings = Settings(scratch) with { Environment = new Dictionary<string, string> { ["PILOT_HOME"] = scratch.Base } };
        await File.WriteAllTextAsync(Path.Combine(scratch.Base, "queuedata.json"), queuedata);
        PilotOutcome outcome = await RunAsync(settings);
        Assert.That((outcome.End, outcome.Failure?.PilotErrorCode, outcome.Failure?.ExitCode), Is.EqualTo(("unfit", (int?)pilot, (int?)75)));
        Assert.That(outcome.Failure?.Message, Does.Contain(words).And.Contain("queuedata.json").And.Contain("no job was asked for"));
    }

    [TestCase("{\"state\": \"ACTIVE\", \"status\": \"online\"}")]
    [TestCase("{\"state\": \"ACTIVE\", \"status\": \"test\"}")]
    [TestCase("[garbage")]
    public async Task Any_other_queue_is_asked(string queuedata)
    {
        using RunningScratch scratch = new();
        scratch.Write("queuedata.json", queuedata);
        Assert.That((await RunAsync(Settings(scratch))).Failure?.PilotErrorCode, Is.EqualTo(PilotError.NoJobsInPanda));
    }

    [Provokes(PilotError.ProxyTooShort, PilotError.NoJobsInPanda)]
    [TestCase(30, PilotError.ProxyTooShort)]
    [TestCase(60, PilotError.NoJobsInPanda)]
    public async Task A_proxy_that_would_not_outlive_a_job(int minutes, int pilot)
    {
        using RunningScratch scratch = new();
        string proxy = Path.Combine(scratch.Base, "proxy");
        await File.WriteAllTextAsync(proxy, new TestCertificates().ProxyPem(DateTimeOffset.UtcNow.AddMinutes(minutes)));
        RunSettings settings = Settings(scratch) with { Environment = new Dictionary<string, string> { ["X509_USER_PROXY"] = proxy } };
        Failure? failure = (await RunAsync(settings)).Failure;
        Assert.That(failure?.PilotErrorCode, Is.EqualTo(pilot));
        Assert.That(failure?.Message, pilot == PilotError.ProxyTooShort ? Does.Contain(proxy).And.Contain("2400 s are demanded (panda.proxySeconds)") : Does.Contain("no job for the queue"));
    }

    private static RunSettings Settings(RunningScratch scratch) =>
        scratch.Settings with { Queue = "Q", Server = "https://panda.example", Site = scratch.Settings.Site with { Panda = new PandaPolicy { PullTries = 1 } } };

    private static Task<PilotOutcome> RunAsync(RunSettings settings) => new MiniPilot(settings, new PilotLimits(1, null), TimeProvider.System, static (_, _, _) => throw new InvalidOperationException("there is no job"))
        .RunAsync(new PilotSource(settings, new EmptyQueue(), null), static _ => Task.CompletedTask);

    private sealed class EmptyQueue : IWorkloadManager
    {
        public Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct) => Task.FromResult<string?>(null);

        public Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct) => throw new NotSupportedException();
    }
}
