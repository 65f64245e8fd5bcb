using GridWrapper.Outputs;
using GridWrapper.Sites;
using GridWrapper.Staging;

namespace GridWrapper.Tests.Staging;

[Parallelizable(ParallelScope.All), CancelAfter(60_000)]
public sealed class WebStorageTest
{
    [Test]
    public async Task A_file_is_sent_and_its_checksum_asked_back(CancellationToken ct)
    {
        await using FakeDav dav = new();
        using StagingBench bench = new();
        byte[] content = FakeDav.Some(300_000);
        await bench.Web.DeliverAsync(await bench.OutputAsync(content), dav.Address + "/out.root", ct);
        Assert.That(dav.Files["/out.root"], Is.EqualTo(content));
        Assert.That(dav.Log, Is.EqualTo(new[] { "HEAD /out.root", "PUT /out.root", "HEAD /out.root" }));
    }

    [Test]
    public async Task Of_a_server_that_states_no_checksum_the_file_is_read_again([Values] bool refusesToBeAsked, CancellationToken ct)
    {
        await using FakeDav dav = new() { StatesDigest = false, RefusesToBeAsked = refusesToBeAsked };
        using StagingBench bench = new();
        await bench.Web.DeliverAsync(await bench.OutputAsync(FakeDav.Some(100)), dav.Address + "/out.root", ct);
        Assert.That(dav.Log.Last(), Is.EqualTo("GET /out.root"));
    }

    [Test]
    public async Task Directories_are_made_where_they_are_missing(CancellationToken ct)
    {
        await using FakeDav dav = new();
        using StagingBench bench = new();
        await bench.Web.DeliverAsync(await bench.OutputAsync(FakeDav.Some(10)), dav.Address + "/a/b/c/out.root", ct);
        Assert.That(dav.Collections, Is.EquivalentTo(new[] { "/", "/a/", "/a/b/", "/a/b/c/" }));
        Assert.That(dav.Files.Keys, Is.EqualTo(new[] { "/a/b/c/out.root" }));
    }

    [Test]
    public async Task What_stands_there_already_is_kept([Values] bool same, [Values] bool statesDigest, CancellationToken ct)
    {
        await using FakeDav dav = new() { StatesDigest = statesDigest };
        using StagingBench bench = new();
        OutputFile file = await bench.OutputAsync([1, 2, 3]);
        byte[] standing = same ? [1, 2, 3] : [3, 2, 1];
        dav.Files["/out.root"] = standing;
        StorageException? thrown = null;
        try
        {
            await bench.Web.DeliverAsync(file, dav.Address + "/out.root", ct);
        }
        catch (StorageException e)
        {
            thrown = e;
        }

        Assert.That(thrown?.Trouble, Is.EqualTo(same ? null : (StorageTrouble?)StorageTrouble.Taken));
        Assert.That(dav.Files["/out.root"], Is.EqualTo(standing));
        Assert.That(dav.Log.Any(l => l.StartsWith("PUT", StringComparison.Ordinal)), Is.False);
    }

    [Test]
    public async Task What_arrives_damaged_is_removed_and_sent_again([Values] bool statesDigest, CancellationToken ct)
    {
        await using FakeDav dav = new() { StatesDigest = statesDigest, Arrives = (bytes, put) => put < 3 ? [.. bytes.Reverse()] : bytes };
        using StagingBench bench = new();
        byte[] content = FakeDav.Some(1000);
        (OutputFile file, OutputFault? fault) = await bench.Delivery(dav.Address).DeliverAsync(await bench.OutputAsync(content), ct);
        Assert.That((fault, file.Url), Is.EqualTo(((OutputFault?)null, dav.Address + "/out.root")));
        Assert.That(dav.Files["/out.root"], Is.EqualTo(content));
        Assert.That(dav.Log.Count(l => l.StartsWith("DELETE", StringComparison.Ordinal)), Is.EqualTo(2));
    }

    [Test]
    public async Task What_always_arrives_damaged_does_not_stay(CancellationToken ct)
    {
        await using FakeDav dav = new() { Arrives = (bytes, _) => bytes[..^1] };
        using StagingBench bench = new();
        (OutputFile file, OutputFault? fault) = await bench.Delivery(dav.Address).DeliverAsync(await bench.OutputAsync(FakeDav.Some(1000)), ct);
        Assert.That(fault!.Message, Does.Contain("has 999 bytes"));
        Assert.That((file.Url, dav.Files.IsEmpty), Is.EqualTo(((string?)null, true)));
    }

    [TestCase(401, "Denied", false)]
    [TestCase(403, "Denied", false)]
    [TestCase(507, "Full", false)]
    [TestCase(413, "Full", false)]
    [TestCase(405, "Unusable", false)]
    [TestCase(500, "Broken", true)]
    [TestCase(503, "Broken", true)]
    public async Task Answers_to_a_body(int status, string trouble, bool mayPass, CancellationToken ct)
    {
        await using FakeDav dav = new()
        {
            Instead = async (context, _) =>
            {
                if (context.Request.HttpMethod == "PUT")
                {
                    context.Response.StatusCode = status;
                    context.Response.ContentType = "text/plain";
                    await context.Response.OutputStream.WriteAsync(Encoding.ASCII.GetBytes("no: " + context.Request.Headers["Authorization"]), ct);
                    context.Response.Close();
                }

                return context.Request.HttpMethod == "PUT";
            },
        };
        using StagingBench bench = new(token: "hush");
        OutputFile file = await bench.OutputAsync([1]);
        StorageException thrown = Assert.ThrowsAsync<StorageException>(() => bench.Web.DeliverAsync(file, dav.Address + "/out.root", ct));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((thrown.Trouble.ToString(), thrown.MayPass), Is.EqualTo((trouble, mayPass)));
            Assert.That(thrown.Message, Does.Contain($"answered {status} to PUT").And.Not.Contain("hush"));
        }
    }

    [Test]
    public async Task A_door_sends_the_transfer_on_and_the_token_stays_with_the_door([Values] bool trusted, CancellationToken ct)
    {
        await using FakeDav pool = new();
        await using FakeDav door = new()
        {
            Instead = (context, _) =>
            {
                context.Response.StatusCode = 307;
                context.Response.RedirectLocation = $"http://localhost:{pool.Port}{context.Request.Url!.AbsolutePath}?ticket=1";
                context.Response.Close();
                return Task.FromResult(true);
            },
        };
        using StagingBench bench = new(new StoragePolicy { TrustedHosts = trusted ? ["localhost"] : [] }, "hush");
        await bench.Web.DeliverAsync(await bench.OutputAsync(FakeDav.Some(5000)), door.Address + "/out.root", ct);
        Assert.That(pool.Files, Has.Count.EqualTo(1));
        Assert.That(door.Shown.Distinct(), Is.EqualTo(new[] { "Bearer hush" }));
        Assert.That(pool.Shown.Distinct(), Is.EqualTo(new[] { trusted ? "Bearer hush" : null }));
    }

    [TestCase("https://se.example/f", "http://pool.example/f", false)]
    [TestCase("https://se.example/f", "http://pool.plain.example/f", true)]
    [TestCase("https://se.example/f", "https://pool.example:1234/f", true)]
    [TestCase("https://se.example/f", "/g", true)]
    [TestCase("https://se.example/f", "ftp://pool.example/f", false)]
    [TestCase("https://se.example/f", null, false)]
    public void Where_a_redirect_may_lead(string from, string? to, bool followed)
    {
        StoragePolicy policy = new() { PlainHttp = ["*.plain.example"] };
        Uri? location = to is null ? null : new Uri(to, UriKind.RelativeOrAbsolute);
        Assert.That(() => WebRules.Next(new Uri(from), location, policy), followed ? Throws.Nothing : Throws.InstanceOf<StorageException>());
    }

    [TestCase("https://se.example:8443/f", true)]
    [TestCase("http://se.example/f", false)]
    [TestCase("https://pool.example/f", false)]
    [TestCase("https://a.trusted.example/f", true)]
    [TestCase("https://trusted.example/f", false)]
    [TestCase("https://eviltrusted.example/f", false)]
    [TestCase("http://a.trusted.example/f", false)]
    public void Who_may_see_the_credentials(string url, bool may) =>
        Assert.That(WebRules.MaySee(new Uri(url), new Uri("https://se.example/x"), new StoragePolicy { TrustedHosts = ["*.trusted.example"] }), Is.EqualTo(may));

    [Test]
    public async Task A_server_that_says_nothing_is_given_up(CancellationToken ct)
    {
        TaskCompletionSource end = new();
        await using FakeDav dav = new() { Instead = async (_, _) => { await end.Task; return true; } };
        using StagingBench bench = new(new StoragePolicy { StallSeconds = 0.3 });
        OutputFile file = await bench.OutputAsync([1]);
        Assert.That(Assert.ThrowsAsync<StorageException>(() => bench.Web.DeliverAsync(file, dav.Address + "/out.root", ct)).Trouble, Is.EqualTo(StorageTrouble.Stalled));
        end.SetResult();
    }

    [Test]
    public async Task A_server_that_is_not_there_is_told_as_such(CancellationToken ct)
    {
        using StagingBench bench = new();
        OutputFile file = await bench.OutputAsync([1]);
        StorageException thrown = Assert.ThrowsAsync<StorageException>(() => bench.Web.DeliverAsync(file, "http://127.0.0.1:9/out.root", ct));
        Assert.That(thrown.Trouble, Is.EqualTo(StorageTrouble.Unreachable));
    }

    [Test]
    public async Task A_download_that_broke_off_goes_on_where_it_was(CancellationToken ct)
    {
        byte[] content = FakeDav.Some(3_000_000);
        await using FakeDav dav = new()
        {
            Instead = async (context, number) =>
            {
                if (number == 1)
                {
                    context.Response.ContentLength64 = content.Length;
                    await context.Response.OutputStream.WriteAsync(content.AsMemory(0, 1_000_000), ct);
                    await context.Response.OutputStream.FlushAsync(ct);
                    context.Response.Abort();
                }

                return number == 1;
            },
        };
        dav.Files["/in.root"] = content;
        using StagingBench bench = new();
        await bench.Staging(dav.Address).FetchAsync([new WantedInput("in.root")], bench.JobDirectory, ct);
        Assert.That(await File.ReadAllBytesAsync(bench.JobDirectory + "/in.root", ct), Is.EqualTo(content));
        Assert.That(dav.Log.Last(), Does.Match("^GET /in.root bytes=[1-9][0-9]*-$"));
        Assert.That(Directory.GetFiles(bench.JobDirectory), Has.Length.EqualTo(1));
    }
}
