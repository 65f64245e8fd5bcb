using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using GridWrapper.SelfTest;
using GridWrapper.Tests.Documentation;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Reporting;

/// <summary>The calls about workers, bulk updates and credentials, against the server that takes no wrong type.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class PandaWorkerCallTests
{
    private const string CpuInfo = """
        processor	: 0
        model name	: Fine CPU
        cpu MHz		: 2500.000
        physical id	: 0
        siblings	: 4
        cpu cores	: 2

        processor	: 1
        physical id	: 1

        """;

    private static readonly WorkloadOptions WithoutBulk = new() { Api = WorkloadApi.LegacyWithoutV1 };

    [Test]
    public void The_strict_server_knows_the_signatures_of_the_real_one()
    {
        JObject recorded = JObject.Parse(Repository.Read("tests/GridWrapper.Tests/Reporting/Recorded/api-signatures.json"));
        IEnumerable<string> real = recorded.Properties().SelectMany(m => ((JArray)m.Value["parameters"]!).Select(p =>
            $"{m.Name} {m.Value["http_method"]} {m.Value["production_role"]} {p["name"]}:{(p["type"]!.Type == JTokenType.Null ? "" : Types(p["type"]!))} {p["required"]} {Default(p)}"));
        IEnumerable<string> ours = ApiSignature.All.SelectMany(m => m.Parameters.Select(p =>
            $"{m.Name} {m.HttpMethod} {m.NeedsRole} {p.Name}:{Types(p.Type ?? "")} {p.Required} {(p.Required ? "" : Text(p.Default))}"));
        Assert.That(ours, Is.EquivalentTo(real));

        static string Types(JToken type) => string.Join("|", ((string)type!).Replace(" ", "", StringComparison.Ordinal).Split('|').Order(StringComparer.Ordinal));
        static string Default(JToken parameter) => (bool)parameter["required"]! ? "" : Text(((JValue)parameter["default"]!).Value);
        static string Text(object? value) => value is null ? "None" : Convert.ToString(value, CultureInfo.InvariantCulture)!;
    }

    [Test]
    public async Task A_worker_begins_and_ends(CancellationToken ct)
    {
        await using PandaBench bench = new();
        HarvesterWorker worker = HarvesterWorker.Of(static name => name == "HARVESTER_ID" ? "h1" : name == "HARVESTER_WORKER_ID" ? "77" : null)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await bench.Client.UpdateWorkerStatusAsync(worker, "started", "node1", ct), Is.Null);
            Assert.That(await bench.Client.UpdateWorkerStatusAsync(worker, "dancing", "node1", ct), Does.Contain("Invalid worker status"));
            Assert.That(bench.Server.State.Told.Single().Arguments.ToString(Newtonsoft.Json.Formatting.None), Is.EqualTo("""{"worker_id":77,"harvester_id":"h1","status":"started","node_id":"node1"}"""));
            Assert.That(HarvesterWorker.Of(static name => name == "HARVESTER_ID" ? "h1" : null), Is.Null);
        }
    }

    [Test]
    public async Task Trap_06_a_node_is_described_with_the_declared_types(CancellationToken ct)
    {
        await using PandaBench bench = new();
        WorkerNode node = WorkerNode.Of(Samples.Node, "SITE", CpuInfo) with { DiskGigabytes = 75 };
        string? refused = await bench.Client.UpdateWorkerNodeAsync(node, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused, Is.Null);
            Assert.That(Encoding.UTF8.GetString(bench.Server.Requests[^1].Body), Is.EqualTo(
                """{"site":"SITE","panda_queue":"SITE","host_name":"node1.example","cpu_model":"Fine CPU @ 3 GHz","n_logical_cpus":2,"n_sockets":2,"cores_per_socket":2,"""
                + "\"threads_per_core\":2,\"cpu_architecture\":\"x86_64\",\"cpu_architecture_level\":\"x86_64-v3\",\"clock_speed\":2500.0,\"total_memory\":16384,\"total_local_disk\":75}"));
        }
    }

    [Test]
    public void A_node_that_tells_little_is_described_by_little()
    {
        WorkerNode node = WorkerNode.Of(Samples.Node, "SITE", "processor\t: 0\n");
        Assert.That((node.LogicalCpus, node.Sockets, node.CoresPerSocket, node.ThreadsPerCore, node.ClockMegahertz), Is.EqualTo((1, (int?)null, (int?)null, (int?)null, (double?)null)));
    }

    [Test]
    public async Task Gpus_are_described(CancellationToken ct)
    {
        await using PandaBench bench = new();
        Assert.That(await bench.Client.UpdateWorkerNodeGpuAsync(new WorkerNodeGpu("S", "n", "NVIDIA", "T4", 2) { Framework = "CUDA", DriverVersion = "575.51" }, ct), Is.Null);
    }

    [Test]
    public async Task Several_updates_go_in_one_call(CancellationToken ct)
    {
        await using PandaBench bench = new();
        ImmutableArray<JobUpdate> updates = await SentJobsAsync(bench, 3, ct);
        ImmutableArray<UpdateAnswer> answers = await bench.Client.UpdateJobsAsync(updates, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers.Select(static a => a.Accepted), Is.All.True.And.Exactly(3).Items);
            Assert.That(bench.Server.Requests.Count(static r => r.Path.EndsWith("update_jobs_bulk", StringComparison.Ordinal)), Is.EqualTo(1));
            Assert.That(bench.Server.State.Updates, Has.Length.EqualTo(3));
        }
    }

    [Test]
    public async Task An_item_that_the_call_did_not_take_goes_by_itself(CancellationToken ct)
    {
        await using PandaBench bench = new();
        ImmutableArray<JobUpdate> updates = [.. (await SentJobsAsync(bench, 2, ct)).Select(static u => u with { CpuArchitectureLevel = "x86_64-v3" })];
        _ = bench.Server.UnknownArguments.Add("cpu_architecture_level");
        ImmutableArray<UpdateAnswer> answers = await bench.Client.UpdateJobsAsync(updates, ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers.Select(static a => a.Accepted), Is.EqualTo(new[] { true, true }));
            Assert.That(bench.Server.State.Updates.Select(static u => u.JobId), Is.EqualTo(updates.Select(static u => u.JobId)));
        }
    }

    [Test]
    public async Task A_server_without_the_call_gets_them_one_by_one(CancellationToken ct)
    {
        await using PandaBench bench = new(WithoutBulk);
        ImmutableArray<JobUpdate> updates = await SentJobsAsync(bench, 2, ct);
        ImmutableArray<UpdateAnswer> answers = await bench.Client.UpdateJobsAsync(updates, ct);
        Assert.That((answers.Count(static a => a.Accepted), bench.Server.State.Updates.Length), Is.EqualTo((2, 2)));
    }

    [Test]
    public async Task A_server_that_is_away_is_asked_once_for_all(CancellationToken ct)
    {
        await using PandaBench bench = new();
        ImmutableArray<JobUpdate> updates = await SentJobsAsync(bench, 3, ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(502, "away"), times: 100);
        ImmutableArray<UpdateAnswer> answers = await bench.Client.UpdateJobsAsync(updates, ct);
        Assert.That((answers.Count(static a => a.Accepted), bench.Server.Requests.Count(static r => r.Path.Contains("update", StringComparison.Ordinal))), Is.EqualTo((0, 1)));
    }

    [Test]
    public async Task A_token_is_given_for_its_key(CancellationToken ct)
    {
        await using PandaBench bench = new(new WorkloadOptions { Token = "t0", TokenKey = "k" }, new PandaCredentials { Token = new TokenSource.Given("t0"), Origin = "atlas.pilot" });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await bench.Client.GetAccessTokenAsync("atlas.pilot", "k", ct), Is.EqualTo("t0"), "although the transport hides it");
            Assert.That(await bench.Client.GetTokenKeyAsync("atlas.pilot", ct), Is.EqualTo("k"));
            Assert.That(() => bench.Client.GetAccessTokenAsync("atlas.pilot", "wrong", ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("token key is invalid"));
            Assert.That(() => bench.Client.GetProxyAsync("production", null, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("'proxy' not found"));
        }
    }

    private static async Task<ImmutableArray<JobUpdate>> SentJobsAsync(PandaBench bench, int count, CancellationToken ct)
    {
        List<JobUpdate> updates = [];
        for (int i = 0; i < count; i++)
        {
            bench.Server.AddJob(PandaBench.Job(PandaBench.JobId + i));
            _ = await bench.Client.AcquireJobAsync(PandaBench.Request, ct);
            updates.Add(PandaBench.Failed with { JobId = PandaBench.JobId + i });
        }

        return [.. updates];
    }
}
