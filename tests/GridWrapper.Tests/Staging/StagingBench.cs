using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Outputs;
using GridWrapper.Reporting;
using GridWrapper.Sites;
using GridWrapper.Staging;

namespace GridWrapper.Tests.Staging;

/// <summary>A job directory with the storages that a run would have, and no patience.</summary>
internal sealed class StagingBench : IDisposable
{
    internal StagingBench(StoragePolicy? policy = null, string? token = null)
    {
        Root = Directory.CreateTempSubdirectory("gw-staging-").FullName;
        Directory.CreateDirectory(JobDirectory);
        Context = new StorageContext
        {
            Policy = (policy ?? new StoragePolicy()) with { PauseSeconds = 0 },
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
            Time = TimeProvider.System,
        };
        Storages = new Storages(Context, new StorageCredentials { Token = token is null ? null : new TokenSource.Given(token) }, new Random(1));
    }

    internal string Root { get; }

    internal string JobDirectory => Root + "/job";

    internal StorageContext Context { get; }

    internal Storages Storages { get; }

    internal IStorage Web => Storages.For(StorageKind.Web);

    public void Dispose()
    {
        Storages.Dispose();
        Directory.Delete(Root, true);
        if (Path.GetDirectoryName(Context.Policy.Xrdcp) is { } programs && programs.Contains("/gw-xrdcp-", StringComparison.Ordinal))
        {
            Directory.Delete(programs, true);
        }
    }

    /// <summary>An output of the payload with its sum.</summary>
    internal async Task<OutputFile> OutputAsync(byte[] content, string lfn = "out.root")
    {
        string path = Path.Combine(JobDirectory, lfn);
        await File.WriteAllBytesAsync(path, content);
        FileSum sum = await FileSum.OfAsync(path, CancellationToken.None);
        return new OutputFile { Name = lfn, Lfn = lfn, Path = path, SizeBytes = sum.SizeBytes, Adler32 = sum.Adler32, Guid = "A" };
    }

    internal OutputDelivery Delivery(params string[] targets) => new(Storages, new DeliveryTargets(Job, [.. targets.Select(StorageAddress.Of)], Context.Policy.Endpoints, callerChooses: true), Job);

    internal InputStaging Staging(params string[] sources) => new(Storages, [.. sources.Select(StorageAddress.Of)]);

    internal static JobRequest Job => new()
    {
        Image = new ImageReference.AtPath("/image"),
        Exec = "true",
        Outputs = [new OutputSpec("out", "out.root", OutputKind.File) { Scope = "user.jdoe" }],
        LogFile = "log.tgz",
        LogScope = "group.phys",
    };
}
