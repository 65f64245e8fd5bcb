using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Staging;

namespace GridWrapper.Tests.Staging;

[Parallelizable(ParallelScope.All), CancelAfter(60_000)]
public sealed class InputStagingTest
{
    private static readonly byte[] Content = Encoding.ASCII.GetBytes("Wikipedia");

    private static string Store(StagingBench bench, string name, byte[] content)
    {
        string directory = Directory.CreateDirectory(Path.Combine(bench.Root, name)).FullName;
        File.WriteAllBytes(directory + "/in", content);
        return directory;
    }

    private static async Task<Failure> FailureAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (GridWrapperException e)
        {
            return e.Failure;
        }

        throw new AssertionException("nothing failed");
    }

    [Test]
    public async Task An_input_comes_from_the_first_that_has_it_right(CancellationToken ct)
    {
        using StagingBench bench = new();
        string[] sources = [bench.Root + "/none", Store(bench, "damaged", [1, 2]), Store(bench, "good", Content)];
        await bench.Staging(sources).FetchAsync([new WantedInput("in") { Checksum = FileChecksum.Parse("ad:11e60398") }], bench.JobDirectory, ct);
        Assert.That(await File.ReadAllBytesAsync(bench.JobDirectory + "/in", ct), Is.EqualTo(Content));
        Assert.That(Directory.GetFiles(bench.JobDirectory), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task What_is_there_already_is_not_fetched(CancellationToken ct)
    {
        using StagingBench bench = new();
        await File.WriteAllTextAsync(bench.JobDirectory + "/in", "mine", ct);
        await bench.Staging(Store(bench, "good", Content)).FetchAsync([new WantedInput("in")], bench.JobDirectory, ct);
        Assert.That(await File.ReadAllTextAsync(bench.JobDirectory + "/in", ct), Is.EqualTo("mine"));
    }

    [Provokes(PilotError.AdlerMismatch, PilotError.Md5Mismatch)]
    [TestCase("ad:11e60399", null, PilotError.AdlerMismatch, "came with adler32 11e60398, and the job says adler32 11e60399")]
    [TestCase("md5:00000000000000000000000000000000", null, PilotError.Md5Mismatch, "came with md5")]
    [TestCase(null, 10L, PilotError.AdlerMismatch, "has 9 bytes, and the job says 10")]
    public async Task What_differs_from_what_the_job_states_is_not_taken(string? checksum, long? size, int code, string part, CancellationToken ct)
    {
        using StagingBench bench = new();
        WantedInput input = new("in") { Checksum = FileChecksum.Parse(checksum), SizeBytes = size };
        InputStaging staging = bench.Staging(Store(bench, "one", Content));
        Failure failure = await FailureAsync(() => staging.FetchAsync([input], bench.JobDirectory, ct));
        Assert.That((failure.PilotErrorCode, failure.Blame, failure.ExitCode), Is.EqualTo((code, Blame.Site, ExitCodes.CannotRun)));
        Assert.That(failure.Message, Does.Contain(part));
        Assert.That(staging.Corrupted, Is.EqualTo(new[] { "in" }));
        Assert.That(Directory.GetFileSystemEntries(bench.JobDirectory), Is.Empty);
    }

    [Test]
    [Provokes(PilotError.NoSuchFile)]
    public async Task What_nobody_has_is_the_job_s_fault(CancellationToken ct)
    {
        await using FakeDav dav = new();
        using StagingBench bench = new();
        Failure failure = await FailureAsync(() => bench.Staging(bench.Root, dav.Address).FetchAsync([new WantedInput("in")], bench.JobDirectory, ct));
        Assert.That((failure.PilotErrorCode, failure.Blame, failure.Retryable), Is.EqualTo((PilotError.NoSuchFile, Blame.User, false)));
        Assert.That(dav.Log, Has.Count.EqualTo(1), "an absent file is not asked for again");
    }

    [Test]
    [Provokes(PilotError.StageInFailed)]
    public async Task A_storage_that_is_away_is_the_site_s(CancellationToken ct)
    {
        using StagingBench bench = new();
        Failure failure = await FailureAsync(() => bench.Staging("http://127.0.0.1:9/x").FetchAsync([new WantedInput("in")], bench.JobDirectory, ct));
        Assert.That((failure.PilotErrorCode, failure.Blame, failure.Retryable), Is.EqualTo((PilotError.StageInFailed, Blame.Site, true)));
        Assert.That(failure.Message, Does.Contain("cannot be reached"));
    }

    [Test]
    public async Task The_checksum_that_the_storage_states_counts_too(CancellationToken ct)
    {
        await using FakeDav dav = new()
        {
            Instead = async (context, _) =>
            {
                context.Response.AddHeader("Digest", "md5=AAAAAAAAAAAAAAAAAAAAAA==,adler32=00000001");
                await context.Response.OutputStream.WriteAsync(Content, ct);
                context.Response.Close();
                return true;
            },
        };
        using StagingBench bench = new();
        Failure failure = await FailureAsync(() => bench.Staging(dav.Address).FetchAsync([new WantedInput("in")], bench.JobDirectory, ct));
        Assert.That(failure.Message, Does.Contain("and the storage says adler32 00000001"));
        Assert.That(dav.Log, Has.Count.EqualTo(3));
    }

    [TestCase("../in")]
    [TestCase("a/in")]
    public async Task A_name_that_leads_elsewhere_is_refused(string name, CancellationToken ct)
    {
        using StagingBench bench = new();
        Failure failure = await FailureAsync(() => bench.Staging(bench.Root).FetchAsync([new WantedInput(name)], bench.JobDirectory, ct));
        Assert.That((failure.ExitCode, failure.Blame), Is.EqualTo((ExitCodes.Usage, Blame.User)));
    }

    [Test]
    public void The_inputs_of_a_job_bear_what_its_document_states()
    {
        JobRequest job = StagingBench.Job with
        {
            Inputs = ["a.root", "here.root", "root://se.example//remote.root"],
            InMap = [new InputStream("IN2", ["b.root", "a.root"])],
            InputFiles = [new InputFile("a.root") { Scope = "mc", Checksum = "ad:11e60398", SizeBytes = 9 }, new InputFile("here.root"), new InputFile("c.root")],
        };
        ImmutableArray<WantedInput> wanted = InputStaging.Of(job, ["a.root", "b.root", "/data/absent.root"]);
        Assert.That(wanted.Select(w => w.Lfn), Is.EqualTo(new[] { "a.root", "b.root", "c.root" }));
        Assert.That(wanted[0], Is.EqualTo(new WantedInput("a.root") { Scope = "mc", Checksum = new FileChecksum("adler32", "11e60398"), SizeBytes = 9 }));
    }
}
