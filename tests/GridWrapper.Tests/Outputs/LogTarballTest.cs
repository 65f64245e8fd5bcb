using GridWrapper.Jobs;
using GridWrapper.Outputs;

namespace GridWrapper.Tests.Outputs;

[Parallelizable(ParallelScope.All)]
public sealed class LogTarballTest
{
    private static readonly JobRequest Request = JobDirectory.Job() with { LogGuid = "D5E9", Inputs = ["in.dat.1"], InputFiles = [new InputFile("in.dat.1"), new InputFile("in.dat.2")] };

    [Test]
    public async Task It_holds_what_is_left_below_one_directory()
    {
        using JobDirectory job = new();
        foreach (string name in new[] { "payload.stdout", "gridwrap.log", "jobReport.json", "sub/notes.txt", "L.out", "in.dat.1", "in.dat.2", "user_proxy", "x.root", "a.py", "tmp_x", "src/code.c", "core.17" })
        {
            job.Put(name, name);
        }

        OutputSet outputs = new() { Files = [new OutputFile { Name = "o", Lfn = "L.out", Path = job.Path + "/L.out", SizeBytes = 1, Adler32 = "", Guid = "" }] };
        OutputFile? log = await CreateAsync(job, new LogRequest(Request, outputs, "CERN/PROD queue"));
        Assert.That(log!.Guid, Is.EqualTo("D5E9"));
        Assert.That(log.Path, Is.EqualTo(job.Path + "/job.log.tgz"));
        Assert.That(log.SizeBytes, Is.EqualTo(new FileInfo(log.Path).Length));
        const string top = "tarball_PandaJob_42_CERN_PROD_queue/";
        Assert.That(TarListing.Of(log.Path).Keys, Is.EquivalentTo(new[] { top + "payload.stdout", top + "gridwrap.log", top + "jobReport.json", top + "sub/notes.txt" }));
    }

    [Test]
    public async Task A_link_is_stored_as_a_link_and_nothing_outside_is_read()
    {
        using JobDirectory job = new();
        File.WriteAllText(job.Outside + "/secret", "s3cret");
        job.Link("way-out", job.Outside + "/secret");
        job.Link("dir-out", job.Outside);
        OutputFile? log = await CreateAsync(job, new LogRequest(Request, new OutputSet(), null));
        const string top = "tarball_PandaJob_42_unknown/";
        Assert.That(TarListing.Of(log!.Path), Is.EquivalentTo(new Dictionary<string, string>
        {
            [top + "way-out"] = $"-> {job.Outside}/secret",
            [top + "dir-out"] = $"-> {job.Outside}",
        }));
    }

    [Test]
    public async Task Of_a_huge_file_the_end_is_kept_and_that_is_told()
    {
        using JobDirectory job = new();
        string path = job.Put("payload.stdout", "");
        using (FileStream file = File.OpenWrite(path))
        {
            file.SetLength(LogTarball.MaximumFileBytes);
            file.Position = file.Length;
            file.Write("the end"u8);
        }

        OutputFile? log = await CreateAsync(job, new LogRequest(Request, new OutputSet(), "Q"));
        Dictionary<string, string> entries = TarListing.Of(log!.Path);
        string tail = entries["tarball_PandaJob_42_Q/payload.stdout.tail"];
        Assert.That(tail, Has.Length.EqualTo(LogTarball.MaximumFileBytes));
        Assert.That(tail.EndsWith("\0the end", StringComparison.Ordinal), Is.True);
        Assert.That(entries["tarball_PandaJob_42_Q/gridwrap-left-out.txt"], Does.StartWith("payload.stdout: 20971527 bytes, only the last 20971520 are here"));
    }

    [Test]
    public async Task No_log_is_made_where_none_is_asked_for()
    {
        using JobDirectory job = new();
        Assert.That(await CreateAsync(job, new LogRequest(Request with { LogFile = null }, new OutputSet(), "Q")), Is.Null);
        Assert.That(job.Names(), Is.Empty);
    }

    [Test]
    public void Cancelling_leaves_no_half_written_file()
    {
        using JobDirectory job = new();
        job.Put("a");
        Assert.That(
            async () => await new LogTarball(job.NextGuid).CreateAsync(job.Path, new LogRequest(Request, new OutputSet(), "Q"), new CancellationToken(true)),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(job.Names(), Is.EqualTo(new[] { "a" }));
    }

    private static Task<OutputFile?> CreateAsync(JobDirectory job, LogRequest request) => new LogTarball(job.NextGuid).CreateAsync(job.Path, request, CancellationToken.None);
}
