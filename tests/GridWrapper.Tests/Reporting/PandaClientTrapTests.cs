using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Reporting;

/// <summary>The known traps of the PanDA protocol that a client can fall into, against a server that is as strict as the real one.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(30_000)]
public class PandaClientTrapTests
{
    [Test]
    public async Task Trap_01_the_content_type_carries_no_charset(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        _ = await bench.UpdateAsync(PandaBench.Starting, ct);
        Assert.That(bench.Server.Requests.Select(static r => r.ContentType), Is.All.EqualTo("application/json"));
    }

    [Test]
    public async Task Trap_02_bodies_have_a_known_length(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        _ = await bench.UpdateAsync(PandaBench.Starting with { MetaData = new string('x', 300_000) }, ct);
        Assert.That(bench.Server.Requests.Select(static r => r.ContentLength), Is.EqualTo(bench.Server.Requests.Select(static r => (long?)r.Body.Length)));
    }

    [Test]
    public async Task Trap_03_answers_labelled_text_plain_are_read_as_JSON(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Starting, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.True);
            Assert.That(answer.Commands, Is.Empty, "NULL is no command");
            Assert.That(bench.Server.Requests.Select(static r => r.Accept), Is.All.EqualTo("application/json"));
        }
    }

    [Test]
    public async Task Trap_03_http_200_may_be_a_failure(CancellationToken ct)
    {
        await using PandaBench bench = new();
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Starting with { JobStatus = "dancing" }, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.False);
            Assert.That(answer.Detail, Does.Contain("dancing").And.Contain("50"));
        }
    }

    [TestCase(10)]
    [TestCase(30)]
    public async Task Trap_03_success_with_a_status_code_is_tried_again(int code, CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        bench.Server.Misbehave(new WorkloadFault.Code(code));
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Starting, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.True);
            Assert.That(bench.Server.Requests, Has.Length.EqualTo(3));
        }
    }

    [Test]
    public async Task Trap_04_dates_are_in_the_form_that_is_not_dropped(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        DateTimeOffset start = new(2026, 3, 1, 13, 0, 5, TimeSpan.FromHours(1));
        _ = await bench.UpdateAsync(PandaBench.Failed with { StartTime = start, EndTime = start.AddMinutes(1) }, ct);
        RecordedUpdate update = bench.Server.State.Updates.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(update.LostDates, Is.Empty);
            Assert.That(update.Text("start_time"), Is.EqualTo("2026-03-01 12:00:05"), "UTC");
        }
    }

    [Test]
    public async Task Trap_05_reports_are_texts_that_contain_json(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Failed with { MetaData = """{"a": "ü"}""", JobOutputReport = """{"l": {}}""" }, ct);
        RecordedUpdate update = bench.Server.State.Updates.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.True);
            Assert.That(update.Text("meta_data"), Is.EqualTo("""{"a": "ü"}"""));
            Assert.That(update.Text("job_output_report"), Is.EqualTo("""{"l": {}}"""));
        }
    }

    [Test]
    public async Task Trap_06_every_argument_of_a_full_update_has_the_declared_type(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        UpdateAnswer answer = await bench.UpdateAsync(Samples.FullUpdate, ct);
        RecordedUpdate update = bench.Server.State.Updates.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.True, answer.Detail);
            Assert.That(update.Arguments.Count, Is.EqualTo(50), "every member of an update is sent");
            Assert.That(update.Arguments["max_rss"]!.Type, Is.EqualTo(JTokenType.Integer));
        }
    }

    [Test]
    public void Trap_06_a_float_keeps_its_fraction() =>
        Assert.That(Encoding.UTF8.GetString(WireBody.Json([new WireField("clock_speed", null, 2500.0)])), Is.EqualTo("""{"clock_speed":2500.0}"""));

    [Test]
    public async Task Trap_06_what_is_not_known_is_left_out_and_not_sent_as_null(CancellationToken ct)
    {
        await using PandaBench bench = new();
        await bench.AcquireAsync(ct);
        _ = await bench.UpdateAsync(PandaBench.Running, ct);
        Assert.That(Encoding.UTF8.GetString(bench.Server.Requests[^1].Body), Is.EqualTo("""{"job_id":4012345678,"job_status":"running","attempt_nr":1}"""));
    }

    [Test]
    public async Task Trap_17_a_token_goes_with_its_origin(CancellationToken ct)
    {
        PandaCredentials credentials = new() { Token = new TokenSource.Given("good"), Origin = "atlas.production" };
        await using PandaBench bench = new(new WorkloadOptions { Token = "good" }, credentials);
        await bench.AcquireAsync(ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Server.Requests[0].Origin, Is.EqualTo("atlas.production"));
            Assert.That(bench.Server.Requests[0].Authorization, Is.EqualTo("Bearer good"));
        }
    }

    [Test]
    public async Task Trap_17_a_refused_token_is_said_at_once_and_not_shown(CancellationToken ct)
    {
        PandaCredentials credentials = new() { Token = new TokenSource.Given("s3cr3t-t0ken"), Origin = "atlas" };
        await using PandaBench bench = new(new WorkloadOptions { Token = "good" }, credentials);
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => bench.Client.AcquireJobAsync(PandaBench.Request, ct))!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Message, Does.Contain("Token authentication failed").And.Contain("Origin atlas").And.Not.Contain("s3cr3t"));
            Assert.That(e.Failure.PilotErrorCode, Is.EqualTo(PilotError.NoProxy));
            Assert.That(bench.Server.Requests, Has.Length.EqualTo(1), "no retry");
            Assert.That(bench.Clock.Elapsed, Is.EqualTo(TimeSpan.Zero), "no waiting");
        }
    }

    [Provokes(PilotError.NoVomsProxy, PilotError.NoProxy)]
    [TestCase(false, PilotError.NoVomsProxy, "has no VOMS attributes")]
    [TestCase(true, PilotError.NoProxy, "updates need Role=production")]
    public async Task Trap_18_a_proxy_without_attributes_has_no_role(bool voms, int pilot, string words, CancellationToken ct)
    {
        TestCertificates certificates = new();
        string proxy = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"proxy-{Guid.NewGuid():N}");
        await File.WriteAllTextAsync(proxy, voms ? certificates.VomsProxyPem() : certificates.ProxyPem(), ct);
        try
        {
            await using PandaBench bench = new(new WorkloadOptions { ProductionRole = false }, new PandaCredentials { ProxyFile = proxy });
            await bench.AcquireAsync(ct);
            GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => bench.UpdateAsync(PandaBench.Running, ct))!;
            Assert.That((e.Failure.PilotErrorCode, e.Failure.Blame), Is.EqualTo((pilot, Blame.Site)));
            Assert.That(e.Message, Does.Contain(words).And.Contain(proxy));
        }
        finally
        {
            File.Delete(proxy);
        }
    }

    [Test]
    public async Task Trap_18_a_missing_role_is_said_at_once(CancellationToken ct)
    {
        await using PandaBench bench = new(new WorkloadOptions { ProductionRole = false });
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => bench.Client.UpdateJobAsync(PandaBench.Failed, ct))!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Message, Does.Contain("Role=production"));
            Assert.That(bench.Server.Requests, Has.Length.EqualTo(1));
        }
    }

    [Test]
    public async Task Trap_03_a_python_literal_is_named_as_such(CancellationToken ct)
    {
        await using PandaBench bench = new();
        bench.Server.Misbehave(new WorkloadFault.Answer(200, "{'success': True, 'message': '', 'data': None}"));
        UpdateAnswer answer = await bench.UpdateAsync(PandaBench.Running, ct);
        Assert.That(answer.Detail, Does.Contain("Python literal").And.Contain("Accept"));
    }
}
