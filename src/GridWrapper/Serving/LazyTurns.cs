using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>
/// Of several jobs of a node that want the same pieces of a layer one fetches them while the others wait, and goes on where it left off if it dies. A matter of speed and of the registry's load alone:
/// whoever waits too long, or has no locks, fetches the pieces itself. Reads of a payload never wait for a turn.
/// </summary>
/// <param name="root">Names the local copy. (Its own files cannot be locked for this: .NET holds a shared lock on each file that it has open.)</param>
internal sealed class LazyTurns(CacheDirectory cache, Digest root, LazyOptions options)
{
    private static readonly RoomLog Log = new(nameof(LazyTurns));

    /// <summary>For the table of contents, and for what is wanted before the payload starts.</summary>
    internal Task<FileLock?> StartAsync(CancellationToken ct) => TakeAsync("lazy-start-", options.StartPatience, ct);

    /// <summary>For all the rest.</summary>
    internal Task<FileLock?> FillAsync(CancellationToken ct) => TakeAsync("lazy-fill-", options.FillPatience, ct);

    private async Task<FileLock?> TakeAsync(string kind, TimeSpan patience, CancellationToken ct)
    {
        try
        {
            return await FileLock.AcquireAsync(cache.Lock(kind + root.Hex), patience, options.Clock, ct);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            Log.Info("{Reason}; this process fetches what is missing itself", e.Message);
            return null;
        }
    }
}
