using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using GridWrapper.SelfTest;

namespace GridWrapper.Tests.Reporting;

/// <summary>Retries, arguments that a server does not know, and the legacy API.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class PandaClientRetryTests
{
    private static IEnumerable<TestCaseData> Passing()
    {
        yield return new TestCaseData(new WorkloadFault.Answer(503, "busy")).SetName("Tried_again_after_503");
        yield return new TestCaseData(new WorkloadFault.Answer(500, "received invalid JSON")).SetName("Tried_again_after_500");
        yield return new TestCaseData(new WorkloadFault.Drop()).SetName("Tried_again_after_a_cut_connection");
        yield return new TestCaseData(new WorkloadFault.Code(10)).SetName("Tried_again_after_a_data_base_time_out");
        yield return new TestCaseData(new WorkloadFault.Answer(429, "slow down")).SetName("Tried_again_after_429");
    }

    [TestCaseSource(nameof(Passing))]
    public async Task Heartbeat(object fault, CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        bench.Server.Misbehave((WorkloadFault)fault);
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Running, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.True, answer.Detail);
            Assert.That(bench.Clock.Elapsed, Is.GreaterThan(TimeSpan.Zero), "there was a pause");
        }
    }

    [Test]
    public async Task Heartbeats_are_tried_twice_and_then_given_up(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.Misbehave(new WorkloadFault.Answer(503, "busy"), times: 10);
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Running, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Is.EqualTo(new UpdateAnswer(false, [], "HTTP 503: busy")).Using<UpdateAnswer>(static (a, b) => a.Accepted == b.Accepted && a.Detail == b.Detail));
            Assert.That(bench.Server.Requests, Has.Length.EqualTo(2));
        }
    }

    [Test]
    public async Task Final_updates_are_tried_for_the_whole_patience(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.Misbehave(new WorkloadFault.Answer(503, "busy"), times: 10_000);
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Failed, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.False);
            Assert.That(bench.Clock.Elapsed, Is.InRange(TimeSpan.FromHours(2), TimeSpan.FromHours(2.2)));
            Assert.That(bench.Server.Requests.Length, Is.InRange(55, 200), "delays grow to two minutes and are jittered");
        }
    }

    [Test]
    public async Task Final_updates_arrive_when_the_server_comes_back(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(503, "busy"), times: 12);
        Assert.That((await bench.UpdateAsync(PandaBench.Failed, ct)).Accepted, Is.True);
    }

    [Test]
    public async Task A_server_that_hangs_is_given_up_after_the_call_limit(CancellationToken ct)
    {
        await using PandaBench bench = new(callTimeout: TimeSpan.FromSeconds(120));
        await bench.AcquireAsync(ct);
        bench.Server.Misbehave(new WorkloadFault.Hang(), times: 2);
        Task<UpdateAnswer> update = bench.Client.UpdateJobAsync(PandaBench.Running, ct);
        await bench.Clock.DriveUntilAsync(() => bench.Server.Requests.Length == 2, TimeSpan.Zero, ct);
        await bench.Clock.DriveUntilAsync(() => update.IsCompleted, TimeSpan.FromSeconds(30), ct);
        Assert.That((await update).Detail, Does.Contain("no answer within 120 s"));
    }

    [Test]
    public async Task Cancellation_ends_the_waiting(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.Misbehave(new WorkloadFault.Answer(503, "busy"), times: 10);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Task<UpdateAnswer> update = bench.Client.UpdateJobAsync(PandaBench.Failed, stop.Token);
        await bench.Clock.DriveUntilAsync(() => bench.Server.Requests.Length == 1, TimeSpan.Zero, ct);
        await stop.CancelAsync();
        Assert.That(async () => await update, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    [Provokes(PilotError.CommunicationFailure)]
    public async Task A_server_that_is_not_there_is_named(CancellationToken ct)
    {
        PandaBench bench = new();
        await bench.Server.DisposeAsync();
        GridWrapperException e = (await bench.Clock.DriveAsync(CatchAsync(bench.Client.AcquireJobAsync(PandaBench.Request, ct)), TimeSpan.FromSeconds(5)))!;
        bench.Client.Dispose();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Message, Does.Contain(bench.Client.Server).And.Contain("refused"));
            Assert.That(e.Failure.PilotErrorCode, Is.EqualTo(PilotError.CommunicationFailure));
            Assert.That(e.Failure.Retryable, Is.True);
            Assert.That(e.Failure.Blame, Is.EqualTo(Blame.Server));
        }
    }

    [Test]
    public async Task An_empty_queue_is_no_error(CancellationToken ct)
    {
        await using PandaBench bench = new();
        Assert.That(await bench.Client.AcquireJobAsync(PandaBench.Request, ct), Is.Null);
    }

    [Test]
    public async Task The_job_comes_as_the_server_sent_it(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.AddJob(PandaBench.Job(jobPars: "2026-01-01T00:00:00Z got an unexpected keyword argument 'site_name'"));
        string? job = await bench.Client.AcquireJobAsync(PandaBench.Request, ct);
        Assert.That(job, Does.Contain("\"2026-01-01T00:00:00Z got").And.Contain("\"ioIntensity\":1.5").And.Contain("{\"command\":\"x\"}").And.Contain("\"PandaID\":4012345678"));
    }

    [Test]
    public async Task An_argument_that_the_server_does_not_know_is_dropped_for_the_run(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        bench.Server.UnknownArguments.UnionWith(["cpu_architecture_level", "job_sub_status"]);
        UpdateAnswer first = await bench.UpdateAsync(Samples.FullUpdate with { JobStatus = "running" }, ct);
        int requests = bench.Server.Requests.Length;
        UpdateAnswer second = await bench.UpdateAsync(Samples.FullUpdate with { JobStatus = "running" }, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.Accepted && second.Accepted, Is.True);
            Assert.That(requests, Is.EqualTo(4), "acquire, two refusals, one success");
            Assert.That(bench.Server.Requests, Has.Length.EqualTo(5), "remembered");
            Assert.That(bench.Clock.Elapsed, Is.EqualTo(TimeSpan.Zero).Within(TimeSpan.FromMinutes(5)));
        }
    }

    [Test]
    public async Task Job_requests_drop_unknown_arguments_too(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.AddJob(PandaBench.Job());
        _ = bench.Server.UnknownArguments.Add("memory");
        Assert.That(await bench.Client.AcquireJobAsync(PandaBench.Request, ct), Is.Not.Null);
    }

    [Test]
    public async Task An_argument_without_which_the_call_means_nothing_is_not_dropped(CancellationToken ct)
    {
        await using PandaBench bench = new();
        _ = bench.Server.UnknownArguments.Add("job_status");
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Running, ct);
        Assert.That(answer.Detail, Does.Contain("job_status"));
    }

    [TestCase(nameof(WorkloadApi.LegacyForbiddingV1))]
    [TestCase(nameof(WorkloadApi.LegacyWithoutV1))]
    public async Task A_server_without_v1_is_spoken_to_in_the_legacy_api(string api, CancellationToken ct)
    {
        await using PandaBench bench = new(new WorkloadOptions { Api = Enum.Parse<WorkloadApi>(api) });
        bench.Server.AddJob(PandaBench.Job());
        string? job = await bench.Client.AcquireJobAsync(PandaBench.Request, ct);
        UpdateAnswer starting = await bench.UpdateAsync(PandaBench.Starting, ct);
        bench.Server.State.Command("debug");
        UpdateAnswer failed = await bench.UpdateAsync(Samples.FullUpdate, ct);
        ImmutableArray<JobState> states = await bench.Client.GetJobStatusAsync([PandaBench.JobId, 5], ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(job, Does.Contain("\"PandaID\":4012345678"));
            Assert.That(starting.Accepted, Is.True);
            Assert.That(failed.Commands, Is.EqualTo(new[] { "debug" }));
            Assert.That(bench.Server.State.Updates[1].Legacy, Is.True);
            Assert.That(bench.Server.State.Updates[1].Arguments, Has.Count.EqualTo(45), "every member has a legacy name");
            Assert.That(bench.Server.Requests.Count(static r => r.Path.StartsWith("/api/v1", StringComparison.Ordinal)), Is.EqualTo(1), "remembered");
            Assert.That(bench.Server.Requests[^1].ContentType, Is.EqualTo("application/x-www-form-urlencoded"));
            Assert.That(states, Is.EqualTo(new[] { new JobState(PandaBench.JobId, "holding", 1), new JobState(5, "not found", 0) }));
        }
    }

    [Test]
    public async Task A_legacy_queue_without_jobs_is_no_error(CancellationToken ct)
    {
        await using PandaBench bench = new(new WorkloadOptions { Api = WorkloadApi.LegacyForbiddingV1 });
        Assert.That(await bench.Client.AcquireJobAsync(PandaBench.Request, ct), Is.Null);
    }

    [Test]
    public async Task A_legacy_answer_as_a_form_is_read_and_handed_on_as_it_is(CancellationToken ct)
    {
        await using PandaBench bench = new(new WorkloadOptions { Api = WorkloadApi.LegacyForbiddingV1 });
        Assert.That(await bench.Client.AcquireJobAsync(PandaBench.Request, ct), Is.Null, "decides for legacy");
        bench.Server.Misbehave(new WorkloadFault.Answer(200, "StatusCode=0&PandaID=12&jobPars=-p+x%3D1"));
        Assert.That(await bench.Client.AcquireJobAsync(PandaBench.Request, ct), Is.EqualTo("StatusCode=0&PandaID=12&jobPars=-p+x%3D1"));
    }

    [Test]
    public async Task A_server_that_is_no_panda_server_is_said_to_be_none(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.Misbehave(new WorkloadFault.Answer(404, "<html>no such page</html>"), times: 2);
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => bench.Client.AcquireJobAsync(PandaBench.Request, ct))!;
        Assert.That(e.Message, Does.Contain("neither API answers").And.Contain("/server/panda/getJob").And.Contain("404"));
    }

    [Test]
    public async Task Once_v1_has_answered_404_is_an_outage_and_403_is_about_us(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(404, "restarting"));
        UpdateAnswer later = await bench.UpdateAsync(PandaBench.Starting, ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(403, "no"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(later.Accepted, Is.True);
            Assert.ThrowsAsync<GridWrapperException>(() => bench.Client.UpdateJobAsync(PandaBench.Running, ct));
            Assert.That(bench.Server.Requests.Select(static r => r.Path), Has.None.StartsWith("/server/"));
        }
    }

    [Test]
    public async Task Commands_are_exact_words_between_commas(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        bench.Server.State.Command("debug, tail out.log,tobekilled");
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Running, ct);
        Assert.That(answer.Commands, Is.EqualTo(new[] { "debug", "tail out.log", "tobekilled" }));
    }

    [Test]
    public async Task States_are_asked_with_repeated_keys(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        ImmutableArray<JobState> states = await bench.Client.GetJobStatusAsync([PandaBench.JobId, 5], ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(states, Is.EqualTo(new[] { new JobState(PandaBench.JobId, "sent", 1), new JobState(5, "not found", 0) }));
            Assert.That(bench.Server.Requests[^1].Query, Is.EqualTo("job_ids=4012345678&job_ids=5"));
        }
    }

    [Test]
    public async Task A_redirect_is_not_followed_but_told(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.Misbehave(new WorkloadFault.Answer(302, ""));
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Running, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Detail, Does.Contain("redirected"));
            Assert.That(bench.Server.Requests, Has.Length.EqualTo(1));
        }
    }

    private static async Task<GridWrapperException?> CatchAsync(Task task)
    {
        try
        {
            await task;
            return null;
        }
        catch (GridWrapperException e)
        {
            return e;
        }
    }
}
