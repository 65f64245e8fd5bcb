using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Outputs;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Staging;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Staging;

[Parallelizable(ParallelScope.All), CancelAfter(60_000)]
public sealed class OutputDeliveryTest
{
    [Test]
    public async Task Outputs_are_copied_to_a_directory_and_get_their_url(CancellationToken ct)
    {
        using StagingBench bench = new();
        OutputFile file = await bench.OutputAsync([1, 2, 3]);
        OutputSet delivered = await bench.Delivery(bench.Root + "/new/dir/").DeliverAsync(new OutputSet { Files = [file] }, ct);
        Assert.That(delivered.Files.Single().Url, Is.EqualTo($"file://{bench.Root}/new/dir/out.root"));
        Assert.That(await File.ReadAllBytesAsync(bench.Root + "/new/dir/out.root", ct), Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(Directory.GetFiles(bench.Root + "/new/dir"), Has.Length.EqualTo(1));
        Assert.That(File.Exists(file.Path), Is.True);
    }

    [TestCase("out.root", "user/jdoe")]
    [TestCase("log.tgz", "group/phys")]
    public async Task Rucio_s_place_is_found_by_the_file_s_scope(string lfn, string below, CancellationToken ct)
    {
        using StagingBench bench = new();
        (OutputFile file, _) = await bench.Delivery(bench.Root + "/se/{rucio}").DeliverAsync(await bench.OutputAsync([1], lfn), ct);
        Assert.That(file.Url, Does.StartWith($"file://{bench.Root}/se/{below}/").And.EndWith("/" + lfn));
        Assert.That(File.Exists(new Uri(file.Url!).LocalPath), Is.True);
    }

    [Provokes(PilotError.StageOutFailed)]
    [TestCase("abc", true)]
    [TestCase("abd", false)]
    public async Task What_stands_there_already_is_kept(string standing, bool fine, CancellationToken ct)
    {
        using StagingBench bench = new();
        string target = bench.Root + "/out.root";
        await File.WriteAllTextAsync(target, standing, ct);
        (OutputFile file, OutputFault? fault) = await bench.Delivery("file://" + bench.Root).DeliverAsync(await bench.OutputAsync(Encoding.ASCII.GetBytes("abc")), ct);
        Assert.That(await File.ReadAllTextAsync(target, ct), Is.EqualTo(standing));
        Assert.That((file.Url is not null, fault?.PilotErrorCode), Is.EqualTo((fine, fine ? null : (int?)PilotError.StageOutFailed)));
    }

    [Test]
    public async Task A_file_that_changed_since_it_was_summed_is_not_delivered(CancellationToken ct)
    {
        using StagingBench bench = new();
        OutputFile file = await bench.OutputAsync(Encoding.ASCII.GetBytes("before"));
        await File.WriteAllTextAsync(file.Path, "after!", ct);
        (_, OutputFault? fault) = await bench.Delivery(bench.Root + "/to").DeliverAsync(file, ct);
        Assert.That(fault!.Message, Does.Contain("has 6 bytes and checksum"));
        Assert.That(Directory.GetFileSystemEntries(bench.Root + "/to"), Is.Empty);
    }

    [TestCase(null, true)]
    [TestCase(false, false, Description = "altStageOut off")]
    public async Task The_jobs_own_endpoint_comes_first_and_the_one_that_has_the_file_is_named(bool? alternative, bool spared, CancellationToken ct)
    {
        using StagingBench bench = new();
        JobRequest job = StagingBench.Job with { Endpoint = "FIRST", AlternativeStageOut = alternative };
        var endpoints = ImmutableSortedDictionary<string, string>.Empty.Add("FIRST", bench.Root + "/first").Add("SPARE", bench.Root + "/spare");
        OutputDelivery delivery = new(bench.Storages, new DeliveryTargets(job, [StorageAddress.Of(bench.Root + "/spare")], endpoints, callerChooses: false), job);
        await delivery.CheckAsync(ct);
        (OutputFile first, _) = await delivery.DeliverAsync(await bench.OutputAsync([1]), ct);
        await File.WriteAllTextAsync(bench.Root + "/first/log.tgz", "something else", ct);
        (OutputFile second, OutputFault? fault) = await delivery.DeliverAsync(await bench.OutputAsync([2], "log.tgz"), ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((first.Endpoint, first.Url), Is.EqualTo(("FIRST", $"file://{bench.Root}/first/out.root")));
            Assert.That((second.Endpoint, second.Url), Is.EqualTo(spared ? ("SPARE", $"file://{bench.Root}/spare/log.tgz") : ((string?)null, (string?)null)));
            Assert.That(fault is null, Is.EqualTo(spared));
        }
    }

    [Test]
    public void A_file_that_nobody_has_an_address_for_stops_the_job_before_it_runs(CancellationToken ct)
    {
        using StagingBench bench = new();
        JobRequest job = StagingBench.Job with { Outputs = [StagingBench.Job.Outputs[0] with { Endpoint = "KNOWN" }], LogEndpoint = "UNKNOWN" };
        OutputDelivery delivery = new(bench.Storages, new DeliveryTargets(job, [], ImmutableSortedDictionary<string, string>.Empty.Add("KNOWN", bench.Root), callerChooses: false), job);
        GridWrapperException thrown = Assert.ThrowsAsync<GridWrapperException>(() => delivery.CheckAsync(ct))!;
        Assert.That((thrown.Failure.ExitCode, thrown.Failure.PilotErrorCode), Is.EqualTo((ExitCodes.TryElsewhere, PilotError.StageOutFailed)));
        Assert.That(thrown.Message, Does.Contain("storage.endpoints"));
    }

    [Test]
    public async Task The_next_address_takes_what_the_first_does_not(CancellationToken ct)
    {
        await using FakeDav full = new() { Instead = (context, _) => Refuse(context, 507) };
        await using FakeDav spare = new();
        using StagingBench bench = new();
        OutputDelivery delivery = bench.Delivery(full.Address, spare.Address);
        OutputSet set = new() { Files = [await bench.OutputAsync([1], "a"), await bench.OutputAsync([2], "b")] };
        OutputSet delivered = await delivery.DeliverAsync(set, ct);
        Assert.That(delivered.Files.Select(f => f.Url), Is.EqualTo(new[] { spare.Address + "/a", spare.Address + "/b" }));
        Assert.That(delivered.Faults, Is.Empty);
        Assert.That(full.Log.Where(l => l.Contains("/b", StringComparison.Ordinal)), Is.Empty, "a full storage is not asked again for the next file");
    }

    [Test]
    [Provokes(PilotError.StageOutTimeout)]
    public async Task A_delivery_that_stalls_everywhere_is_a_timeout(CancellationToken ct)
    {
        TaskCompletionSource end = new();
        await using FakeDav dav = new() { Instead = async (_, _) => { await end.Task; return true; } };
        using StagingBench bench = new(new StoragePolicy { StallSeconds = 0.2, Tries = 2 });
        OutputSet set = await bench.Delivery(dav.Address).DeliverAsync(new OutputSet { Files = [await bench.OutputAsync([1])] }, ct);
        end.SetResult();
        Failure failure = JobFailure.Of(set)!;
        Assert.That((failure.PilotErrorCode, failure.Blame, failure.Step, failure.ExitCode), Is.EqualTo((PilotError.StageOutTimeout, Blame.Site, "stage-out", ExitCodes.OutputMissing)));
        Assert.That(failure.Message, Does.Contain("nothing moved for too long").And.Contain("still in the work directory"));
    }

    [Test]
    public async Task Harvester_is_told_once_of_everything(CancellationToken ct)
    {
        using StagingBench bench = new();
        OutputDelivery delivery = bench.Delivery("harvester://" + bench.Root);
        OutputSet set = await delivery.DeliverAsync(new OutputSet { Files = [await bench.OutputAsync([1])] }, ct);
        (_, OutputFault? fault) = await delivery.DeliverAsync(await bench.OutputAsync([2, 3], "log.tgz"), ct);
        Assert.That(File.Exists(bench.Root + "/event_status.dump.json"), Is.False);
        Assert.That((set.Faults.IsEmpty, fault, set.Files[0].Url, delivery.HandOver()), Is.EqualTo((true, (OutputFault?)null, (string?)null, true)));
        string job = bench.JobDirectory;
        Assert.That(await File.ReadAllTextAsync(bench.Root + "/event_status.dump.json", ct), Is.EqualTo($$"""
            {"0":[{"type":"output","path":"{{job}}/out.root","guid":"A","fsize":1,"chksum":"00020002"},{"type":"log","path":"{{job}}/log.tgz","guid":"A","fsize":2,"chksum":"00090006"}]}
            """));
    }

    [Test]
    public async Task What_Harvester_has_not_taken_yet_stays_in_its_list(CancellationToken ct)
    {
        using StagingBench bench = new();
        string list = bench.Root + "/event_status.dump.json";
        await File.WriteAllTextAsync(list, """{"7":[]}""", ct);
        OutputDelivery delivery = bench.Delivery("harvester://" + bench.Root);
        await delivery.DeliverAsync(await bench.OutputAsync([1]), ct);
        Assert.That(delivery.HandOver(), Is.True);
        Assert.That(JObject.Parse(await File.ReadAllTextAsync(list, ct)).Properties().Select(p => (p.Name, p.Value.Count())), Is.EqualTo(new[] { ("7", 0), ("0", 1) }));
    }

    [Test]
    public async Task Without_its_directory_Harvester_takes_nothing(CancellationToken ct)
    {
        using StagingBench bench = new();
        OutputDelivery delivery = bench.Delivery("harvester://", bench.Root + "/spare");
        (OutputFile file, OutputFault? fault) = await delivery.DeliverAsync(await bench.OutputAsync([1]), ct);
        Assert.That((file.Url, fault, delivery.HandOver()), Is.EqualTo(($"file://{bench.Root}/spare/out.root", (OutputFault?)null, false)));
    }

    [Test]
    public async Task A_signal_ends_the_delivery(CancellationToken ct)
    {
        using StagingBench bench = new();
        OutputFile file = await bench.OutputAsync([1]);
        (_, OutputFault? fault) = await bench.Delivery("http://127.0.0.1:9/").DeliverAsync(file, new CancellationToken(canceled: true));
        Assert.That(fault!.Message, Does.Contain("the run was ended"));
    }

    private static Task<bool> Refuse(System.Net.HttpListenerContext context, int status)
    {
        context.Response.StatusCode = status;
        context.Response.Close();
        return Task.FromResult(true);
    }
}
