using GridWrapper.Reporting;
using GridWrapper.SelfTest;

namespace GridWrapper.Tests.Reporting;

/// <summary>A client and the strict server on loopback, on a clock that stands still.</summary>
internal sealed class PandaBench : IAsyncDisposable
{
    internal const long JobId = 4012345678;

    internal PandaBench(WorkloadOptions? server = null, PandaCredentials? credentials = null, TimeSpan? callTimeout = null)
    {
        Server = LoopbackWorkloadManager.Start(server ?? new WorkloadOptions(), new Random());
        Client = new PandaClient(new PandaOptions
        {
            Server = Server.Address,
            Credentials = credentials ?? PandaCredentials.None,
            Time = Clock,
            Random = new Random(1),

            // The clock is driven in large steps while real requests are on their way: only tests of this limit want a short one.
            CallTimeout = callTimeout ?? TimeSpan.FromDays(10),
        });
    }

    internal FakeClock Clock { get; } = new();

    internal LoopbackWorkloadManager Server { get; }

    internal PandaClient Client { get; }

    internal static AcquireRequest Request { get; } = new() { SiteName = "QUEUE", Node = "node1", ProdSourceLabel = "user", MemoryMegabytes = 2000 };

    internal static JobUpdate Starting { get; } = new() { JobId = JobId, JobStatus = "starting", AttemptNr = 1 };

    internal static JobUpdate Running { get; } = new() { JobId = JobId, JobStatus = "running", AttemptNr = 1 };

    internal static JobUpdate Failed { get; } = new() { JobId = JobId, JobStatus = "failed", AttemptNr = 1, TransExitCode = 1, PilotErrorCode = 1305 };

    internal static string Job(long id = JobId, string outFiles = "", string jobPars = "-p true") => $$"""
        {"PandaID": {{id}}, "attemptNr": 1, "taskID": 7, "prodSourceLabel": "user", "outFiles": "{{outFiles}}", "jobPars": "{{jobPars}}",
         "preprocess": {"command": "x"}, "ioIntensity": 1.5}
        """;

    /// <summary>A job handed out, so that updates are for something.</summary>
    internal async Task AcquireAsync(CancellationToken ct)
    {
        Server.AddJob(Job());
        Assert.That(await Client.AcquireJobAsync(Request, ct), Is.Not.Null);
    }

    internal Task<UpdateAnswer> UpdateAsync(JobUpdate update, CancellationToken ct) =>
        Clock.DriveAsync(Client.UpdateJobAsync(update, ct), TimeSpan.FromSeconds(5));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
    }
}
