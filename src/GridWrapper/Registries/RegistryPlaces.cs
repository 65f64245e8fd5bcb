using System.Collections.Concurrent;
using GridWrapper.Diagnostics;
using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>
/// Where the content of a registry may be had: the site's mirrors and pull-through caches in their order, then the registry itself. What is fetched by digest is the same
/// everywhere; a tag is what the first place that has it says. A place that failed for another reason than not having something is not asked again by this client.
/// </summary>
internal sealed class RegistryPlaces(RegistryPolicy policy)
{
    private static readonly RoomLog Log = new(nameof(RegistryPlaces));
    private readonly ConcurrentDictionary<Uri, bool> _failed = [];

    internal RegistryPolicy Policy => policy;

    /// <exception cref="GridWrapperException">The registry's own failure, when no mirror helped.</exception>
    internal async Task<T> AskAsync<T>(RegistryRequest origin, Func<RegistryRequest, Task<T>> ask)
    {
        foreach (Mirror mirror in origin.IsForeign ? [] : Mirrors(origin.Endpoint))
        {
            try
            {
                return await ask(At(mirror, origin));
            }
            catch (GridWrapperException e)
            {
                bool missing = e.Failure.PilotErrorCode == PilotError.ImageNotFound || RegistryFault.IsNotFound(e);
                Log.Info("the mirror {Mirror} is passed over: {Reason}", mirror.Url, e.Message);
                if (!missing)
                {
                    _failed[mirror.Url] = true;
                }
            }
        }

        return await ask(origin);
    }

    /// <summary>The same thing at every place, in their order, whatever happened there before.</summary>
    internal ImmutableArray<RegistryRequest> All(RegistryRequest origin) => [.. Mirrors(origin.Endpoint).Select(mirror => At(mirror, origin)), origin];

    /// <summary>The same thing at a mirror. A path in the mirror's address stands before the repository, as in a project of Harbor that is a proxy cache.</summary>
    private static RegistryRequest At(Mirror mirror, RegistryRequest origin)
    {
        string repository = mirror.Project.Length == 0 ? origin.Repository : $"{mirror.Project}/{origin.Repository}";
        return origin with { Endpoint = mirror.Endpoint, Repository = repository, Path = $"v2/{repository}{origin.Path[$"v2/{origin.Repository}".Length..]}" };
    }

    private IEnumerable<Mirror> Mirrors(RegistryEndpoint origin) => policy.Mirrors
        .Where(mirror => string.Equals(mirror.Registry, origin.Host, StringComparison.OrdinalIgnoreCase))
        .Select(mirror => new Uri(mirror.Url.TrimEnd('/') + "/"))
        .Where(url => !_failed.ContainsKey(url))
        .Select(url => new Mirror(url, origin with { Host = url.Authority, Base = new Uri(url, "/") }, url.AbsolutePath.Trim('/')));

    private sealed record Mirror(Uri Url, RegistryEndpoint Endpoint, string Project);
}
