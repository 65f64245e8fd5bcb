using GridWrapper.Diagnostics;
using GridWrapper.Outputs;

namespace GridWrapper.Tests.Outputs;

[Parallelizable(ParallelScope.All)]
public sealed class LocalDeliveryTest
{
    [Test]
    public async Task Outputs_are_copied_and_get_their_url()
    {
        using JobDirectory job = new();
        job.Put("out", "Wikipedia");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L.out")));
        OutputSet delivered = await LocalDelivery.For(job.Outside + "/new/dir/").DeliverAsync(set, CancellationToken.None);
        Assert.That(delivered.Files.Single().Url, Is.EqualTo($"file://{job.Outside}/new/dir/L.out"));
        Assert.That(await File.ReadAllTextAsync(job.Outside + "/new/dir/L.out"), Is.EqualTo("Wikipedia"));
        Assert.That(Directory.GetFiles(job.Outside + "/new/dir"), Has.Length.EqualTo(1));
        Assert.That(job.Text("L.out"), Is.EqualTo("Wikipedia"));
    }

    [TestCase("Wikipedia", true)]
    [TestCase("wikipedia", false)]
    public async Task What_stands_there_already_is_kept(string standing, bool fine)
    {
        using JobDirectory job = new();
        job.Put("out", "Wikipedia");
        await File.WriteAllTextAsync(job.Outside + "/L", standing);
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L")));
        OutputSet delivered = await LocalDelivery.For("file://" + job.Outside).DeliverAsync(set, CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await File.ReadAllTextAsync(job.Outside + "/L"), Is.EqualTo(standing));
            Assert.That(delivered.Files.Single().Url is not null, Is.EqualTo(fine));
            Assert.That(delivered.Faults.Select(f => f.PilotErrorCode), Is.EqualTo(fine ? Array.Empty<int>() : [PilotError.StageOutFailed]));
        }
    }

    [Test]
    public async Task A_file_that_changed_since_it_was_summed_is_not_delivered()
    {
        using JobDirectory job = new();
        job.Put("out", "before");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("out", "L")));
        job.Put("L", "after!");
        OutputSet delivered = await LocalDelivery.For(job.Outside).DeliverAsync(set, CancellationToken.None);
        Assert.That(delivered.Faults.Single().Message, Does.Contain("the copy has 6 bytes and checksum"));
        Assert.That(Directory.GetFileSystemEntries(job.Outside), Is.Empty);
    }

    [Test]
    public async Task One_that_fails_does_not_cost_the_others()
    {
        using JobDirectory job = new();
        job.Put("a", "a");
        job.Put("b", "b");
        Directory.CreateDirectory(job.Outside + "/L1");
        OutputSet set = await job.CollectAsync(JobDirectory.Job(JobDirectory.File("a", "L1"), JobDirectory.File("b", "L2")));
        OutputSet delivered = await LocalDelivery.For(job.Outside).DeliverAsync(set, CancellationToken.None);
        Assert.That(delivered.Files.Select(f => f.Url is null), Is.EqualTo(new[] { true, false }));
        Assert.That(delivered.Faults.Single().Lfn, Is.EqualTo("L1"));
    }

    [TestCase("davs://se.example/x", "delivery by davs is not supported yet")]
    [TestCase("root://se.example//x", "delivery by root is not supported yet")]
    [TestCase("file://host/x", "delivery by file is not supported yet")]
    [TestCase("out", "an absolute directory is required")]
    public void Other_targets_are_refused_by_name(string target, string part)
    {
        GridWrapperException thrown = Assert.Throws<GridWrapperException>(() => LocalDelivery.For(target));
        Assert.That(thrown.Failure.ExitCode, Is.EqualTo(ExitCodes.Usage));
        Assert.That(thrown.Message, Does.Contain(part));
    }
}
