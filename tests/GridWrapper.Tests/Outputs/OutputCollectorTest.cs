using System.Diagnostics;
using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;

namespace GridWrapper.Tests.Outputs;

[Parallelizable(ParallelScope.All)]
public sealed class OutputCollectorTest
{
    [Test]
    public async Task A_file_gets_its_lfn_its_sum_and_a_guid()
    {
        using JobDirectory job = new();
        job.Put("out.json", "Wikipedia");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out.json", "user.x.out.json")));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(job.Names(), Is.EqualTo(new[] { "user.x.out.json" }));
            Assert.That(set.Files.Single(), Is.EqualTo(new OutputFile
            {
                Name = "out.json",
                Lfn = "user.x.out.json",
                Path = job.Path + "/user.x.out.json",
                SizeBytes = 9,
                Adler32 = "11e60398",
                Guid = "00000001-0000-4000-8000-0000000000AB",
            }));
            Assert.That(set.Missing, Is.Empty);
            Assert.That(set.Faults, Is.Empty);
        }
    }

    [TestCase("out", "out", "out", TestName = "the name is the LFN already")]
    [TestCase("out", "./out", "L", TestName = "a leading dot")]
    [TestCase("a/b/out", "out", "L", TestName = "found below")]
    [TestCase("a/b/out", "a/b/out", "L", TestName = "named below")]
    public async Task A_file_is_found(string left, string name, string lfn)
    {
        using JobDirectory job = new();
        job.Put(left, "x");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File(name, lfn)));
        Assert.That(set.Files.Select(f => f.Lfn), Is.EqualTo(new[] { lfn }));
        Assert.That(job.Text(lfn), Is.EqualTo("x"));
    }

    [Test]
    public async Task The_exact_place_beats_the_search_and_the_search_takes_the_nearest()
    {
        using JobDirectory job = new();
        job.Put("a/out", "deep");
        job.Put("out", "top");
        job.Put("z/log", "near");
        job.Put("a/b/log", "far");
        await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L1"), JobDirectory.File("log", "L2")));
        Assert.That(job.Text("L1"), Is.EqualTo("top"));
        Assert.That(job.Text("L2"), Is.EqualTo("near"));
    }

    [Test]
    public async Task A_missing_file_is_named_with_what_was_probably_meant()
    {
        using JobDirectory job = new();
        job.Put("out.jsn");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out.json", "L")));
        Assert.That(set.Missing, Is.EqualTo(new[] { "L" }));
        Assert.That(set.Faults.Single(), Is.EqualTo(new OutputFault("L", PilotError.MissingOutputFile, "the payload did not produce the output \"L\": \"out.json\": it does not exist (did you mean \"out.jsn\"?)")));
    }

    [Test]
    public async Task An_allowed_absence_is_no_fault()
    {
        using JobDirectory job = new();
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("a", "L1"), JobDirectory.Glob("*.x", "L2"), JobDirectory.Regex("regex|y+")) with { AllowNoOutput = ["L1", "L2", "regex|y+"] });
        Assert.That(set.AbsentButAllowed, Is.EqualTo(new[] { "L1", "regex|y+", "L2" }));
        Assert.That(set.Missing, Is.Empty);
        Assert.That(set.Faults, Is.Empty);
    }

    [Test]
    public async Task An_empty_file_is_delivered_and_told()
    {
        using JobDirectory job = new();
        job.Put("out", "");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L")));
        Assert.That(set.Files.Single().Adler32, Is.EqualTo("00000001"));
        Assert.That(set.Faults.Single().PilotErrorCode, Is.EqualTo(PilotError.ZeroFileSize));
    }

    [Test]
    public async Task Another_file_of_the_lfn_is_not_overwritten()
    {
        using JobDirectory job = new();
        job.Put("out", "new");
        job.Put("L", "old");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L")));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(job.Text("out"), Is.EqualTo("new"));
            Assert.That(job.Text("L"), Is.EqualTo("old"));
            Assert.That(set.Missing, Is.EqualTo(new[] { "L" }));
            Assert.That(set.Faults.Single().Message, Does.Contain("another file already has the output's name"));
        }
    }

    [Test]
    public async Task An_equal_file_of_the_lfn_is_fine()
    {
        using JobDirectory job = new();
        job.Put("out", "same");
        job.Put("L", "same");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L")));
        Assert.That(set.Faults, Is.Empty);
        Assert.That(job.Names(), Is.EqualTo(new[] { "L" }));
    }

    [Test]
    public async Task Names_may_be_exchanged()
    {
        using JobDirectory job = new();
        job.Put("a", "was a");
        job.Put("b", "was b");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("a", "b"), JobDirectory.File("b", "a")));
        Assert.That(set.Faults, Is.Empty);
        Assert.That(job.Text("b"), Is.EqualTo("was a"));
        Assert.That(job.Text("a"), Is.EqualTo("was b"));
    }

    [TestCase("real", TestName = "relative link")]
    [TestCase("/ctrdata/real", TestName = "link as the payload saw it")]
    [TestCase("sub/../real", TestName = "link with dots that stay inside")]
    public async Task A_link_inside_the_job_directory_delivers_its_content(string target)
    {
        using JobDirectory job = new();
        job.Put("real", "r");
        job.Put("sub/x");
        job.Link("out", target);
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L")));
        Assert.That(set.Faults, Is.Empty);
        Assert.That(new FileInfo(job.Path + "/L").LinkTarget, Is.Null);
        Assert.That(job.Text("L"), Is.EqualTo("r"));
        Assert.That(job.Text("real"), Is.EqualTo("r"));
    }

    [Test]
    public async Task A_link_that_is_the_output_itself_is_replaced_by_its_content()
    {
        using JobDirectory job = new();
        job.Put("real", "r");
        job.Link("L", "real");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("L", "L")));
        Assert.That(set.Faults, Is.Empty);
        Assert.That(new FileInfo(job.Path + "/L").LinkTarget, Is.Null);
    }

    [TestCase("../pilot/proxy", "leads out of the job directory")]
    [TestCase("@OUTSIDE/proxy", "leads out of the job directory")]
    [TestCase("/cvmfs/no.such.repository/x", "leads out of the job directory")]
    [TestCase("nothing", "it is a link to \"nothing\", which does not exist")]
    [TestCase("out", "go round in a circle")]
    [TestCase("dir", "it is a directory")]
    [TestCase("away/proxy", "leads out of the job directory")]
    [TestCase("user_proxy", "credentials")]
    public async Task A_link_to_elsewhere_delivers_nothing(string target, string why)
    {
        using JobDirectory job = new();
        File.WriteAllText(job.Outside + "/proxy", "secret");
        job.Put("dir/x");
        job.Put("user_proxy", "secret");
        job.Link("away", job.Outside);
        job.Link("out", target.Replace("@OUTSIDE", job.Outside, StringComparison.Ordinal));
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L"), JobDirectory.Glob("out*", "G.tgz")));
        Assert.That(set.Files, Is.Empty);
        Assert.That(set.Missing, Is.EqualTo(new[] { "L", "G.tgz" }));
        Assert.That(set.Faults[0].Message, Does.Contain(why));
        Assert.That(set.Notes.Single(), Does.Contain("\"out\" matches \"out*\" but was left out"));
    }

    [TestCase("../pilot/proxy")]
    [TestCase("away/proxy")]
    public async Task A_directory_link_is_not_entered(string asked)
    {
        using JobDirectory job = new();
        File.WriteAllText(job.Outside + "/proxy", "secret");
        job.Link("away", job.Outside);
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File(asked, "L"), JobDirectory.File("proxy", "M"), JobDirectory.Regex("regex|pro.*")));
        Assert.That(set.Files, Is.Empty);
        Assert.That(set.Missing, Is.EqualTo(new[] { "L", "M", "regex|pro.*" }));
    }

    [Test]
    [CancelAfter(20_000)]
    public async Task A_fifo_is_not_opened()
    {
        using JobDirectory job = new();
        using (Process mkfifo = Process.Start("mkfifo", [job.Path + "/out"]))
        {
            await mkfifo.WaitForExitAsync();
        }

        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L"), JobDirectory.Glob("o*", "G"), JobDirectory.Regex("regex|o.t")));
        Assert.That(set.Missing, Is.EqualTo(new[] { "L", "regex|o.t", "G" }));
        Assert.That(set.Faults[0].Message, Does.Contain("it is neither a file nor a directory"));
    }

    [Test]
    public async Task A_wildcard_is_packed_under_exactly_the_lfn()
    {
        using JobDirectory job = new();
        job.Put("b.root", "b");
        job.Put("a.root", "a");
        job.Put("sub/c.root", "c");
        job.Put("other.txt");
        job.Put("AOD.root", "an input");
        job.Put(".hidden.root");
        JobRequest request = JobDirectory.Job(JobDirectory.Glob("*.root", "T.XYZ.root.tgz")) with { Inputs = ["root://se//x/AOD.root"] };
        OutputSet set = await job.CollectAsync(request);
        Assert.That(set.Files.Single().Lfn, Is.EqualTo("T.XYZ.root.tgz"));
        Dictionary<string, string> entries = TarListing.Of(set.Files.Single().Path);
        Assert.That(entries.Select(e => $"{e.Key}={e.Value}"), Is.EqualTo(new[] { "a.root=a", "b.root=b", "sub/c.root=c" }));
        Assert.That(job.Names(), Has.No.Member(".T.XYZ.root.tgz.gridwrap-part"));
    }

    [Test]
    public async Task A_matching_directory_is_packed_whole()
    {
        using JobDirectory job = new();
        job.Put("plots_1/a.png", "a");
        job.Put("plots_1/x/b.png", "b");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.Glob("plots_*", "P.tgz")));
        Assert.That(TarListing.Of(set.Files.Single().Path).Keys, Is.EqualTo(new[] { "plots_1/a.png", "plots_1/x/b.png" }));
    }

    [Test]
    public async Task The_same_files_make_the_same_tar()
    {
        string[] sums = new string[2];
        for (int i = 0; i < 2; i++)
        {
            using JobDirectory job = new();
            foreach (string name in i == 0 ? new[] { "a.x", "b.x" } : ["b.x", "a.x"])
            {
                File.SetLastWriteTimeUtc(job.Put(name, name), DateTime.UnixEpoch.AddDays(20_000));
            }

            sums[i] = (await job.CollectAsync(JobDirectory.Job(JobDirectory.Glob("*.x", "T")))).Files.Single().Adler32;
        }

        Assert.That(sums[1], Is.EqualTo(sums[0]));
    }

    [Test]
    public async Task A_wildcard_does_not_take_what_another_output_delivered()
    {
        using JobDirectory job = new();
        job.Put("out.root", "o");
        job.Put("more.root", "m");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.Glob("*.root", "T.tgz"), JobDirectory.File("out.root", "L.root")));
        Assert.That(set.Files.Select(f => f.Lfn), Is.EqualTo(new[] { "L.root", "T.tgz" }));
        Assert.That(TarListing.Of(job.Path + "/T.tgz").Keys, Is.EqualTo(new[] { "more.root" }));
    }

    [Test]
    public async Task A_regex_output_keeps_names_and_comes_to_the_top()
    {
        using JobDirectory job = new();
        job.Put("part1.root", "1");
        job.Put("deep/part22.root", "22");
        job.Put("part.root");
        job.Put("part3.root.bak");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.Regex(@"regex|part[0-9]+\.root")));
        Assert.That(set.Files.Select(f => f.Lfn), Is.EqualTo(new[] { "part1.root", "part22.root" }));
        Assert.That(set.Files.Select(f => f.Path), Is.EqualTo(new[] { job.Path + "/part1.root", job.Path + "/part22.root" }));
        Assert.That(set.Faults, Is.Empty);
    }

    [Test]
    public async Task Two_files_of_one_name_are_not_merged_by_a_regex()
    {
        using JobDirectory job = new();
        job.Put("p1", "top");
        job.Put("d/p1", "deep");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.Regex("regex|p[0-9]")));
        Assert.That(set.Files.Single().Path, Is.EqualTo(job.Path + "/p1"));
        Assert.That(job.Text("p1"), Is.EqualTo("top"));
        Assert.That(set.Faults.Single().Message, Does.Contain("\"d/p1\" matches"));
    }

    [Test]
    public async Task A_slow_expression_ends_with_a_fault()
    {
        using JobDirectory job = new();
        job.Put(new string('a', 60) + "b");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.Regex(@"regex|((a+)+)\1+c(?=x)")));
        Assert.That(set.Faults.Single().Message, Does.Contain("takes too long"));
        Assert.That(set.Missing, Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Our_own_files_and_the_inputs_are_never_outputs_of_a_search()
    {
        using JobDirectory job = new();
        foreach (string name in new[] { "gridwrap.log", "gridwrap-result.json", "payload.stdout", "user_proxy", "in1", "sub/in2", "jobO.1.tar.gz", "job.log.tgz" })
        {
            job.Put(name);
        }

        JobRequest request = JobDirectory.Job(JobDirectory.Glob("*", "all.tgz"), JobDirectory.File("in2", "L")) with
        {
            Inputs = ["in1"],
            InMap = [new InputStream("S", ["in2"])],
            Sandbox = new Sandbox(null, "jobO.1.tar.gz"),
        };
        OutputSet set = await job.CollectAsync(request);
        Assert.That(set.Files, Is.Empty);
        Assert.That(set.Missing, Is.EqualTo(new[] { "L", "all.tgz" }));
    }

    [Test]
    public async Task A_directory_without_permissions_is_searched_all_the_same()
    {
        using JobDirectory job = new();
        job.Put("locked/out", "x");
        File.SetUnixFileMode(job.Path + "/locked", UnixFileMode.None);
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L")));
        Assert.That(set.Faults, Is.Empty);
        Assert.That(job.Text("L"), Is.EqualTo("x"));
    }

    [Test]
    public async Task User_metadata_becomes_the_job_report_only_where_there_is_none()
    {
        using JobDirectory without = new();
        without.Put("userJobMetadata.json", "{}");
        await without.CollectAsync(JobDirectory.Job());
        Assert.That(without.Names(), Is.EqualTo(new[] { "jobReport.json" }));

        using JobDirectory with = new();
        with.Put("userJobMetadata.json", "meta");
        with.Put("jobReport.json", "own");
        await with.CollectAsync(JobDirectory.Job());
        Assert.That(with.Text("jobReport.json"), Is.EqualTo("own"));
        Assert.That(with.Names(), Is.EqualTo(new[] { "jobReport.json", "userJobMetadata.json" }));
    }

    [Test]
    public void Cancelling_ends_it()
    {
        using JobDirectory job = new();
        job.Put("out");
        Assert.That(
            async () => await new OutputCollector(job.NextGuid).CollectAsync(job.Path, JobDirectory.Job(JobDirectory.File("out", "L")), new CancellationToken(true)),
            Throws.InstanceOf<OperationCanceledException>());
    }
}
