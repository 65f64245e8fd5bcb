using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>Makes a client for one job's dealings with registries.</summary>
internal sealed class RegistryClientFactory(TimeProvider clock, Random random)
{
    /// <summary>--registry-config.</summary>
    public string? ConfigFile { get; init; }

    /// <summary>Looks up an environment variable.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;

    /// <summary>Before the first repetition of a failed request; doubled with each further one.</summary>
    public TimeSpan FirstRetryDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>When blobs are fetched in pieces.</summary>
    public RangeSettings Ranges { get; init; } = new();

    /// <summary>Of all clients together.</summary>
    internal PullProgress Progress { get; } = new();

    internal RegistryClient Create(SiteProfile site)
    {
        var exchange = new HttpExchange(TimeSpan.FromSeconds(site.Registries.StallSeconds), clock);
        CredentialStore store = CredentialStore.Locate(ConfigFile, site.Registries.ConfigFile, Environment);
        var transport = new RegistryTransport(exchange, new RegistryAuthenticator(store, exchange), new RetrySettings(clock, FirstRetryDelay, random.NextDouble));
        return new RegistryClient(exchange, transport, site.Registries) { Progress = Progress, Ranges = Ranges };
    }
}
