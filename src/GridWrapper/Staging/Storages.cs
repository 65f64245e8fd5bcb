using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>The protocols, one of each for a run.</summary>
internal sealed class Storages : IDisposable
{
    private readonly WebTransport _transport;
    private readonly WebStorage _web;
    private readonly XrootdStorage _xrootd;
    private readonly DirectoryStorage _directory;
    private readonly HarvesterStorage _harvester;

    /// <param name="context">Policy, environment, clock.</param>
    /// <param name="credentials">For web storages.</param>
    /// <param name="random">For the jitter of pauses.</param>
    internal Storages(StorageContext context, StorageCredentials credentials, Random random)
    {
        Retries = new StorageRetries(context.Policy, context.Time, random);
        _transport = new WebTransport(credentials, context.Policy, context.Time);
        _web = new WebStorage(_transport, Retries, context);
        _xrootd = new XrootdStorage(context);
        _directory = new DirectoryStorage(context);
        _harvester = new HarvesterStorage(context);
    }

    internal StorageRetries Retries { get; }

    /// <inheritdoc cref="HarvesterStorage.HandOver"/>
    internal bool HandOver(long? pandaId, string? logFile) => _harvester.HandOver(pandaId, logFile);

    internal IStorage For(StorageKind kind) => kind switch
    {
        StorageKind.Web => _web,
        StorageKind.Xrootd => _xrootd,
        StorageKind.Harvester => _harvester,
        _ => _directory,
    };

    /// <summary>The reasons for which none of the addresses can be used; null when one can, or there are none.</summary>
    internal async Task<string?> RefusalAsync(ImmutableArray<StorageAddress> addresses, CancellationToken ct)
    {
        List<string> reasons = [];
        foreach (StorageKind kind in addresses.Select(a => a.Kind).Distinct())
        {
            if (await For(kind).RefusalAsync(ct) is not { } reason)
            {
                return null;
            }

            reasons.Add(reason);
        }

        return reasons.Count == 0 ? null : string.Join("; ", reasons);
    }

    public void Dispose() => _transport.Dispose();
}
