using System.Net;
using System.Net.Http;
using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class SandboxFetcherTests
{
    private const string Name = "jobO.1.tar.gz";

    private static readonly Uri Server = new("https://cache.example.org:25443/some/path?x=1");

    private static HttpResponseMessage Answer(HttpStatusCode status, string body = "code") => new(status) { Content = new StringContent(body) };

    private static async Task<(string[] Asked, GridWrapperException? Failed, TimeSpan Waited)> FetchAsync(RunningScratch scratch, Uri? url, params Func<HttpResponseMessage>[] answers)
    {
        using Script script = new(answers);
        using HttpMessageInvoker http = new(script);
        FakeClock clock = new();
        Task<string> fetch = new SandboxFetcher(() => http, clock) { SizeLimitBytes = 1000 }.FetchAsync(new Sandbox(url, Name), scratch.Job, CancellationToken.None);
        try
        {
            string path = await clock.DriveAsync(fetch, TimeSpan.FromSeconds(1));
            Assert.That(path, Is.EqualTo(Path.Combine(scratch.Job, Name)));
            return ([.. script.Asked], null, clock.Elapsed);
        }
        catch (GridWrapperException e)
        {
            return ([.. script.Asked], e, clock.Elapsed);
        }
    }

    [Test]
    public async Task What_is_there_is_not_fetched()
    {
        using RunningScratch scratch = new();
        scratch.Write(Name);
        Assert.That((await FetchAsync(scratch, Server)).Asked, Is.Empty);
    }

    [Test]
    public async Task It_is_fetched_from_the_cache_below_the_server()
    {
        using RunningScratch scratch = new();
        (string[] asked, GridWrapperException? failed, _) = await FetchAsync(scratch, Server, () => Answer(HttpStatusCode.OK));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failed, Is.Null);
            Assert.That(asked, Is.EqualTo(new[] { $"https://cache.example.org:25443/some/path/cache/{Name}" }));
            Assert.That(Directory.GetFileSystemEntries(scratch.Job).Select(Path.GetFileName), Is.EqualTo(new[] { Name }));
            Assert.That(File.ReadAllText(Path.Combine(scratch.Job, Name)), Is.EqualTo("code"));
        }
    }

    [Test]
    public async Task Gone_is_the_user_s_and_not_asked_again()
    {
        using RunningScratch scratch = new();
        (string[] asked, GridWrapperException? failed, _) = await FetchAsync(scratch, Server, () => Answer(HttpStatusCode.NotFound));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((failed?.Failure.Blame, failed?.Failure.PilotErrorCode, failed?.Failure.Retryable), Is.EqualTo((Blame.User, PilotError.MissingUserCode, false)));
            Assert.That(asked, Has.Length.EqualTo(1));
            Assert.That(failed?.Message, Does.Contain("404").And.Contains("resubmit"));
        }
    }

    [Test]
    public async Task A_server_that_recovers_is_enough()
    {
        using RunningScratch scratch = new();
        (string[] asked, GridWrapperException? failed, TimeSpan waited) = await FetchAsync(
            scratch, Server, () => Answer(HttpStatusCode.ServiceUnavailable), () => throw new HttpRequestException("connection reset"), () => Answer(HttpStatusCode.OK));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failed, Is.Null);
            Assert.That(asked, Has.Length.EqualTo(3));
            Assert.That(waited, Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(60)));
        }
    }

    [Test]
    public async Task A_server_that_does_not_recover_is_the_server_s()
    {
        using RunningScratch scratch = new();
        (string[] asked, GridWrapperException? failed, _) = await FetchAsync(scratch, Server, [.. Enumerable.Repeat(() => Answer(HttpStatusCode.BadGateway), 5)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(asked, Has.Length.EqualTo(3));
            Assert.That((failed?.Failure.Blame, failed?.Failure.PilotErrorCode, failed?.Failure.Retryable), Is.EqualTo((Blame.Server, PilotError.NoUserTarball, true)));
            Assert.That(failed?.Message, Does.Contain("3 times").And.Contains("502"));
            Assert.That(Directory.GetFileSystemEntries(scratch.Job), Is.Empty);
        }
    }

    [TestCase(1000, true)]
    [TestCase(1001, false)]
    public async Task Code_has_a_size_limit(int size, bool taken)
    {
        using RunningScratch scratch = new();
        (string[] asked, GridWrapperException? failed, _) = await FetchAsync(scratch, Server, () => Answer(HttpStatusCode.OK, new string('x', size)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(asked, Has.Length.EqualTo(1));
            Assert.That(failed is null, Is.EqualTo(taken), failed?.Message);
            Assert.That(Directory.GetFileSystemEntries(scratch.Job), Has.Length.EqualTo(taken ? 1 : 0));
        }
    }

    [Test]
    public async Task Without_a_server_nothing_is_asked()
    {
        using RunningScratch scratch = new();
        (string[] asked, GridWrapperException? failed, _) = await FetchAsync(scratch, null);
        Assert.That((asked.Length, failed?.Failure.Blame, failed?.Failure.PilotErrorCode), Is.EqualTo((0, (Blame?)Blame.User, (int?)PilotError.NoUserTarball)));
    }
}
