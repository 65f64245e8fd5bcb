using System.Net.Http;
using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Reporting;
using GridWrapper.Staging;
using GridWrapper.Strategies;
using GridWrapper.Watching;

namespace GridWrapper.Running;

/// <summary>The parts of one run, put together from its settings.</summary>
internal sealed class Composition : IDisposable
{
    private readonly Lazy<HttpClient> _http = new(() =>
    {
        Diagnostics.CertificateHome.Ensure();
        return new HttpClient(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(30), Proxy = Diagnostics.EnvironmentProxy.Of(HttpClient.DefaultProxy) }) { Timeout = Timeout.InfiniteTimeSpan };
    });

    private readonly Lazy<Storages> _storages;

    private Composition(RunSettings settings, TimeProvider time)
    {
        Settings = settings;
        _storages = new Lazy<Storages>(() => new Storages(
            new StorageContext { Policy = settings.Site.Storage, Environment = settings.Environment, Time = time },
            StorageCredentials.FromEnvironment(new CredentialSurroundings { Variable = name => settings.Environment.GetValueOrDefault(name), Uid = Linux.Libc.GetUid() }),
            Random.Shared));
        Sandboxes = new SandboxFetcher(() => _http.Value, time);
        Time = time;
        Children = new ProbeChildren(ProbeProgram.Self, time);
        Clients = new RegistryClientFactory(time, Random.Shared) { ConfigFile = settings.RegistryConfig };
        Progress = new ProgressDisplay(Clients.Progress, settings.Quiet ? TextWriter.Null : Console.Error, time) { Terminal = Linux.Terminal.ShowsProgress };
        Strategies = StrategyCatalog.Create(Clients, Children, time);
        Launchers = LauncherCatalog.Create(settings.CacheDirectory);
        HostProbe = new HostProbe(new HostProbeContext
        {
            Site = settings.Site,
            Children = Children,
            Environment = settings.Environment,
            Cgroups = () => CgroupProbe.ProbeAsync(LimitChoice.Cgroup(settings.Site.Limits), time),
            Namespaces = ct => NamespaceProbe.ProbeAsync(settings.CacheDirectory, TimeSpan.FromSeconds(10), ct),
        });
        Surveyor = new Surveyor(this, time);
        Runner = new ImageRunner(this, time);
        Look = new InsideLook(settings, Children);
        Preflight = new Preflight(settings, Children);
        Ladder = new RootLadder(settings.CacheDirectory);
    }

    internal static ImmutableArray<string> StrategyNames => StrategyCatalog.Names;

    internal static ImmutableArray<string> LauncherNames => LauncherCatalog.Names;

    internal RunSettings Settings { get; }

    internal TimeProvider Time { get; }

    internal IProbeChildren Children { get; }

    internal RegistryClientFactory Clients { get; }

    internal ProgressDisplay Progress { get; }

    /// <summary>For inputs and outputs.</summary>
    internal Storages Storages => _storages.Value;

    internal ImmutableArray<IRootfsStrategy> Strategies { get; private init; }

    internal ImmutableArray<ILauncher> Launchers { get; private init; }

    internal HostProbe HostProbe { get; }

    internal Surveyor Surveyor { get; }

    internal ImageRunner Runner { get; }

    internal InsideLook Look { get; }

    internal Preflight Preflight { get; }

    internal RootLadder Ladder { get; }

    internal SandboxFetcher Sandboxes { get; }

    internal static Composition Create(RunSettings settings) => new(settings, TimeProvider.System);

    /// <summary>With other strategies and launchers than those of this build.</summary>
    internal static Composition Of(RunSettings settings, ImmutableArray<IRootfsStrategy> strategies, ImmutableArray<ILauncher> launchers) =>
        new(settings, TimeProvider.System) { Strategies = strategies, Launchers = launchers };

    internal IRootfsStrategy Strategy(Candidate candidate) => Strategies.First(s => s.Name == candidate.Strategy && s.Way == candidate.Way);

    internal ILauncher Launcher(string name) => Launchers.First(l => l.Name == name);

    /// <summary>The root filesystem of the chosen candidate as far as it can be foretold; null when nothing is usable.</summary>
    internal Rootfs? PredictRootfs(Prepared prepared) => prepared.Plan.Chosen is { } chosen
        ? Strategy(chosen).Predict(prepared.Input, Launcher(chosen.Launcher).FormOn(prepared.Input.Host))
        : null;

    /// <summary>The launch of the chosen candidate as a dry run shows it; null when nothing is usable.</summary>
    internal async Task<LaunchSpec?> PredictLaunchAsync(Prepared prepared, Func<Rootfs, LaunchRequest> compose, CancellationToken ct) =>
        await PredictRequestAsync(prepared, compose, ct) is { } request ? Launcher(prepared.Plan.Chosen!.Launcher).Build(request) : null;

    /// <summary>The request that the launch of the chosen candidate would be built from; null when nothing is usable. A tree that is there already is looked into.</summary>
    internal async Task<LaunchRequest?> PredictRequestAsync(Prepared prepared, Func<Rootfs, LaunchRequest> compose, CancellationToken ct)
    {
        if (PredictRootfs(prepared) is not { } rootfs)
        {
            return null;
        }

        LaunchRequest request = compose(await Look.AtAsync(rootfs, prepared.Input.Host, ct));
        return (await Preflight.LookAsync(request, ct)).Request;
    }

    public void Dispose()
    {
        if (_http.IsValueCreated)
        {
            _http.Value.Dispose();
        }

        if (_storages.IsValueCreated)
        {
            _storages.Value.Dispose();
        }
    }
}
