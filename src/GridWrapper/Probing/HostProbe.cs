using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Collects the facts of the node, the groups at the same time. A group that fails becomes "unknown" with its reason; it never takes the others with it.
/// </summary>
internal sealed class HostProbe(HostProbeContext context)
{
    private const string NotAskedReason = "not asked";

    /// <summary>A name service that is away must not hold a job up; then there are no ranges.</summary>
    private static readonly TimeSpan NameServiceDeadline = TimeSpan.FromSeconds(3);

    private static readonly RoomLog Log = new(nameof(HostProbe));

    internal async Task<HostFacts> ProbeAsync(ProbeRequest request, CancellationToken ct)
    {
        // Children first: they take their time while the small files are read here.
        Task<Fact<NamespaceFacts>> namespaces = request.Namespaces && context.Namespaces is { } probe
            ? GuardAsync("namespaces", () => probe(ct), ct)
            : NotAsked<NamespaceFacts>();
        Task<Fact<CvmfsFacts>> cvmfs = WantedRepositories(request) is { } names
            ? GuardAsync("cvmfs", () => CvmfsAsync(names, ct), ct)
            : NotAsked<CvmfsFacts>();
        Task<Fact<ImmutableArray<RuntimeFacts>>> runtimes = request.Runtimes
            ? GuardAsync("runtimes", () => RuntimesAsync(request, cvmfs, ct), ct)
            : NotAsked<ImmutableArray<RuntimeFacts>>();
        Task<Fact<CgroupFacts>> cgroups = request.Cgroups && context.Cgroups is { } trial ? GuardAsync("cgroups", trial, ct) : NotAsked<CgroupFacts>();
        Task<ImmutableArray<SpaceFacts>> space = SpaceAsync(request, ct);
        NodeFacts node = NodeProbe.Probe(context.Root, context.Environment);
        HostFacts facts = new()
        {
            Node = node,
            SubordinateIds = await GuardAsync("subordinate ids", () => SubordinateIdProbe.ProbeAsync(context.Root, node, (program, words) => ProgramOutput.ReadAsync(program, words, NameServiceDeadline, ct)), ct),
            FuseDevice = request.Fuse || request.FuseDevice ? Guard("fuse", () => DeviceProbe.Fuse(context.Root)) : new Fact<string>.Unknown(NotAskedReason),
            Squashfuse = request.Fuse ? Guard("squashfuse", () => SquashfuseProbe.Probe(context.Root, context.Environment)) : new Fact<SquashfuseFacts>.Unknown(NotAskedReason),
            Gpus = request.Gpus ? Guard("gpus", () => DeviceProbe.Gpus(context.Root)) : new Fact<ImmutableArray<GpuFacts>>.Unknown(NotAskedReason),
            Zstd = request.Zstd ? Guard("zstd", () => ZstdProbe.Probe(context.Root, context.Environment)) : new Fact<string>.Unknown(NotAskedReason),
            Zlib = request.Zlib ? Guard("zlib", ZlibProbe.Probe) : new Fact<string>.Unknown(NotAskedReason),
            Proxies = request.Proxies ? ProxyProbe.Probe(context.Environment) : [],
        };
        return facts with { Namespaces = await namespaces, Cgroups = await cgroups, Cvmfs = await cvmfs, Runtimes = await runtimes, Space = await space };
    }

    private static Task<Fact<T>> NotAsked<T>() => Task.FromResult<Fact<T>>(new Fact<T>.Unknown(NotAskedReason));

    private ImmutableArray<string>? WantedRepositories(ProbeRequest request)
    {
        IEnumerable<string> ofRuntimes = request.Runtimes ? context.Site.Apptainer.CvmfsPrograms.Select(p => p.Split('/')[0]) : [];
        return request.CvmfsRepositories is { } asked ? [.. asked.Concat(ofRuntimes).Distinct(StringComparer.Ordinal)] : null;
    }

    private async Task<Fact<CvmfsFacts>> CvmfsAsync(ImmutableArray<string> names, CancellationToken ct) =>
        new Fact<CvmfsFacts>.Known(await new CvmfsProbe(context.Children).ProbeAsync(context.Site.Cvmfs, names, ct));

    private async Task<Fact<ImmutableArray<RuntimeFacts>>> RuntimesAsync(ProbeRequest request, Task<Fact<CvmfsFacts>> cvmfs, CancellationToken ct)
    {
        RuntimeProbe probe = new(context.Children, context.Environment, MountInfo.Read());
        return await probe.ProbeAsync(context.Site, cvmfs, request.RuntimeTrialDirectory, ct);
    }

    private async Task<ImmutableArray<SpaceFacts>> SpaceAsync(ProbeRequest request, CancellationToken ct)
    {
        if (request.Space.IsEmpty)
        {
            return [];
        }

        SpaceProbe probe = new(context.Children, MountInfo.Read());
        SpaceFacts?[] found = await Task.WhenAll(request.Space.Select(s => probe.ProbeAsync(s.Purpose, s.Path, ct)));
        return [.. found.OfType<SpaceFacts>()];
    }

    private static async Task<Fact<T>> GuardAsync<T>(string group, Func<Task<Fact<T>>> probe, CancellationToken ct)
    {
        try
        {
            return await probe();
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            return Failed<T>(group, e);
        }
    }

    private static Fact<T> Guard<T>(string group, Func<Fact<T>> probe)
    {
        try
        {
            return probe();
        }
        catch (Exception e)
        {
            return Failed<T>(group, e);
        }
    }

    private static Fact<T>.Unknown Failed<T>(string group, Exception e)
    {
        Log.Warn(e, "Probing {Group} failed", group);
        return new Fact<T>.Unknown($"probing {group} failed: {e.Message}");
    }
}
