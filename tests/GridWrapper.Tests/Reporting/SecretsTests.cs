using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using GridWrapper.SelfTest;
using NLog;
using NLog.Config;
using NLog.Targets;

namespace GridWrapper.Tests.Reporting;

/// <summary>Alone, because the logging configuration is one for the process.</summary>
[NonParallelizable]
[CancelAfter(60_000)]
public class SecretsTests
{
    private const string Secret = "eyJhbGciOi.s3cr3t.signature";

    [Test]
    public async Task Tokens_reach_neither_logs_nor_messages_nor_the_spool(CancellationToken ct)
    {
        string directory = Path.Combine(TestContext.CurrentContext.WorkDirectory, "secrets-" + Guid.NewGuid().ToString("N"));
        using MemoryTarget memory = new("memory") { Layout = "${logger} ${message} ${exception:format=tostring}" };
        LoggingConfiguration before = LogManager.Configuration ?? new LoggingConfiguration();
        LoggingConfiguration all = new();
        all.AddRuleForAllLevels(memory);
        Logging.Take(all, Audience.Trace);
        string seen;
        try
        {
            seen = await UseTokenBadlyAsync(directory, ct);
        }
        finally
        {
            Logging.Take(before, Audience.Error);
        }

        string logged = string.Join('\n', memory.Logs);
        string spooled = string.Join('\n', Directory.GetFiles(directory).Select(File.ReadAllText));
        Directory.Delete(directory, recursive: true);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(logged, Does.Contain("was not accepted").And.Not.Contain(Secret));
            Assert.That(seen, Does.Contain("***").And.Not.Contain(Secret));
            Assert.That(spooled, Does.Contain("\"jobStatus\": \"failed\"").And.Not.Contain(Secret));
        }
    }

    /// <summary>A server that echoes the token in its answers, good and bad.</summary>
    private static async Task<string> UseTokenBadlyAsync(string directory, CancellationToken ct)
    {
        PandaCredentials credentials = new() { Token = new TokenSource.Given(Secret), Origin = "atlas" };
        await using PandaBench bench = new(credentials: credentials);
        bench.Server.Misbehave(new WorkloadFault.Answer(500, "exception while handling Bearer " + Secret), times: 2);
        UpdateAnswer running = await bench.UpdateAsync(PandaBench.Running, ct);
        bench.Server.Misbehave(new WorkloadFault.Answer(403, "ERROR : Token authentication failed. " + Secret), times: 2);
        UpdateSpool spool = new(directory, bench.Client.Server, bench.Clock);
        UpdateAnswer final = await new SpooledWorkloadManager(bench.Client, spool).UpdateJobAsync(PandaBench.Failed, ct);
        GridWrapperException e = Assert.ThrowsAsync<GridWrapperException>(() => bench.Client.UpdateJobAsync(PandaBench.Running, ct))!;
        return running.Detail + final.Detail + e + credentials;
    }
}
