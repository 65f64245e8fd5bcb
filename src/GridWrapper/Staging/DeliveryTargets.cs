using GridWrapper.Jobs;
using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>
/// Where each file of a job may go, in this order: the endpoint that the job names for it, where the profile knows its address and the caller names none; then the
/// addresses of the command line or the profile. A job may forbid all but the first. Pure.
/// </summary>
internal sealed class DeliveryTargets
{
    private readonly JobRequest _job;
    private readonly ImmutableArray<StorageAddress> _addresses;
    private readonly ImmutableSortedDictionary<string, StorageAddress> _endpoints;
    private readonly bool _callerChooses;

    /// <param name="job">What it wants.</param>
    /// <param name="addresses">Of the command line, else of the profile.</param>
    /// <param name="endpoints">Addresses by name.</param>
    /// <param name="callerChooses">The addresses are those of the command line: they count, whatever endpoint the job names.</param>
    internal DeliveryTargets(JobRequest job, ImmutableArray<StorageAddress> addresses, ImmutableSortedDictionary<string, string> endpoints, bool callerChooses)
    {
        (_job, _addresses, _callerChooses) = (job, addresses, callerChooses);
        _endpoints = endpoints.ToImmutableSortedDictionary(e => e.Key, e => StorageAddress.Of(e.Value), StringComparer.Ordinal);
    }

    /// <summary>Nothing is delivered: the outputs stay in the job directory.</summary>
    internal bool IsEmpty => Names.All(n => Of(n).IsEmpty);

    /// <summary>The files that the job promises, the log among them.</summary>
    private IEnumerable<string> Names => [.. _job.Outputs.Select(o => o.Lfn), .. _job.LogFile is { } log ? (string[])[log] : []];

    /// <summary>The addresses for a file; none where nobody says where it should go.</summary>
    internal ImmutableArray<StorageAddress> Of(string lfn)
    {
        StorageAddress? wanted = !_callerChooses && EndpointOf(lfn) is { } name ? _endpoints.GetValueOrDefault(name) : null;
        ImmutableArray<StorageAddress> all = wanted is null ? _addresses : [wanted, .. _addresses.Where(a => a != wanted)];
        return _job.AlternativeStageOut == false ? [.. all.Take(1)] : all;
    }

    /// <summary>Each of the lists that <see cref="Of"/> gives, once.</summary>
    internal IEnumerable<ImmutableArray<StorageAddress>> Lists() => Names.Select(Of).DistinctBy(l => string.Join(' ', l));

    /// <summary>What the profile calls an address; null where it has no name for it.</summary>
    internal string? NameOf(StorageAddress address) => _endpoints.FirstOrDefault(e => e.Value == address).Key;

    /// <summary>Rucio's scope of a file, null where the job names none.</summary>
    internal string? ScopeOf(string lfn) => lfn == _job.LogFile ? _job.LogScope ?? _job.Scope : Spec(lfn)?.Scope ?? _job.Scope;

    /// <summary>Where a file lies at an address.</summary>
    /// <exception cref="StorageException">It needs the scope, and the job names none.</exception>
    internal string PlaceOf(StorageAddress address, string lfn) => address.Deterministic && ScopeOf(lfn) is null
        ? throw new StorageException(StorageTrouble.Taken, $"{address} needs the scope of the file, and the job names none (scopeOut, scopeLog)")
        : address.PlaceOf(lfn, ScopeOf(lfn));

    private string? EndpointOf(string lfn) => (lfn == _job.LogFile ? _job.LogEndpoint : Spec(lfn)?.Endpoint) ?? _job.Endpoint;

    private OutputSpec? Spec(string lfn) => _job.Outputs.FirstOrDefault(o => o.Lfn == lfn);
}
