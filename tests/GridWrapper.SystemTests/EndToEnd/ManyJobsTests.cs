using System.Diagnostics;
using GridWrapper.SelfTest;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>
/// Many jobs on one node with one cache, one workload manager and one registry: nothing is done twice or lost, and what each job asks of the others is counted.
/// A small crowd in the test run; scale.sh of the benchmarks runs it with a thousand and keeps the figures.
/// </summary>
[TestFixture, CancelAfter(1_800_000)]
internal sealed class ManyJobsTests : EndToEndFixture
{
    private const long FirstJob = 5000000000;

    private static readonly int Jobs = Setting("GRIDWRAP_SCALE_JOBS", 48);
    private static readonly int AtOnce = Setting("GRIDWRAP_SCALE_AT_ONCE", 16);

    [Test]
    public async Task Every_job_is_told_of_once_and_the_image_comes_once(CancellationToken ct)
    {
        Area area = NewArea();
        string registry = Path.Combine(Testbed.Base, "registry-of-many");
        string address = (await Tool.RunAsync(Testbed.Script("registry.sh"), "start", registry, "0")).Trim();
        try
        {
            await Tool.RunAsync(Testbed.Script("image.sh"), Testbed.Image, "--push", address + "/many", "--owner", "12345");
            await File.WriteAllTextAsync(Path.Combine(registry, "access.log"), "", ct);
            await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
            for (int n = 0; n < Jobs; n++)
            {
                server.AddJob(new TestJob { PandaId = FirstJob + n, Image = $"docker://{address}/many:gzip" }.Json);
            }

            var clock = Stopwatch.StartNew();
            Outcome[] outcomes = await RunAllAsync(area, server, ct);
            TimeSpan took = clock.Elapsed;
            string[] registryLog = await File.ReadAllLinesAsync(Path.Combine(registry, "access.log"), ct);
            WriteRow(took, Usage(area), server.Requests, registryLog);

            using (Assert.EnterMultipleScope())
            {
                Assert.That(outcomes.Where(o => o.ExitCode != 0).Select(o => o.ToString()), Is.Empty);
                Assert.That(
                    server.State.Updates.Where(u => u.Status == "finished").Select(u => u.JobId).Order(),
                    Is.EqualTo(Enumerable.Range(0, Jobs).Select(n => FirstJob + n)));
                Assert.That(BlobsSent(registryLog).GroupBy(path => path).Where(g => g.Count() > 1).Select(g => g.Key), Is.Empty, "blobs that came more than once");
                Assert.That(registryLog.Count(line => line.Contains("/manifests/", StringComparison.Ordinal)), Is.EqualTo(Jobs));
            }
        }
        finally
        {
            await Tool.RunAsync(Testbed.Script("registry.sh"), "stop", registry);
        }
    }

    private static async Task<Outcome[]> RunAllAsync(Area area, LoopbackWorkloadManager server, CancellationToken ct)
    {
        string user = area.Uid.ToString(CultureInfo.InvariantCulture);
        area.Entrance = ["/usr/bin/time", "-q", "-a", "-o", Path.Combine(area.Root, "usage"), "-f", "%U %S %M", "/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--"];
        using SemaphoreSlim places = new(AtOnce);
        return await Task.WhenAll(Enumerable.Range(0, Jobs).Select(async n =>
        {
            await places.WaitAsync(ct);
            try
            {
                string directory = Path.Combine(area.JobDirectory, n.ToString(CultureInfo.InvariantCulture));
                Directory.CreateDirectory(directory);
                area.Own(directory);
                return await area.RunAsync(ct, "run", "--pull-job", "--server", server.Address.ToString(), "--queue", "SCALE", "--workdir", directory, "--quiet");
            }
            finally
            {
                places.Release();
            }
        }));
    }

    /// <summary>Processor seconds and peak kB of each job with all its children.</summary>
    private static (double Seconds, long PeakKilobytes)[] Usage(Area area) =>
    [
        .. File.ReadAllLines(Path.Combine(area.Root, "usage")).Select(line => line.Split(' ')).Select(words =>
            (double.Parse(words[0], CultureInfo.InvariantCulture) + double.Parse(words[1], CultureInfo.InvariantCulture), long.Parse(words[2], CultureInfo.InvariantCulture))),
    ];

    private static IEnumerable<string> BlobsSent(string[] log) =>
        log.Where(line => line.Contains("\"GET ", StringComparison.Ordinal) && line.Contains("/blobs/", StringComparison.Ordinal)).Select(line => line.Split('"')[1]);

    /// <summary>One line of the table of scale.sh.</summary>
    private static void WriteRow(TimeSpan took, (double Seconds, long PeakKilobytes)[] usage, ImmutableArray<WorkloadRequest> asked, string[] registryLog)
    {
        string row = string.Create(
            CultureInfo.InvariantCulture,
            $"| {Jobs} | {AtOnce} | {took.TotalSeconds:0.0} | {usage.Average(u => u.Seconds):0.00} | {usage.Max(u => u.PeakKilobytes) / 1024.0:0} | {(double)asked.Length / Jobs:0.00} | {asked.Sum(r => r.Body.Length) / 1e3 / Jobs:0.0} | {(double)registryLog.Length / Jobs:0.00} | {registryLog.Sum(Sent) / 1e3 / Jobs:0.0} |");
        TestContext.Progress.WriteLine(row);
        if (Environment.GetEnvironmentVariable("GRIDWRAP_SCALE_TABLE") is { Length: > 0 } table)
        {
            File.AppendAllText(table, row + "\n");
        }
    }

    /// <summary>Bytes of an answer, of a line in the combined log format.</summary>
    private static long Sent(string line) => long.Parse(line.Split('"')[2].Trim().Split(' ')[1], CultureInfo.InvariantCulture);

    private static int Setting(string name, int usual) => int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : usual;
}
