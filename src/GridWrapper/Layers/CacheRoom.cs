using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>Room for layers: predicted before the first byte, made by removing what nobody uses, and made once more where the prediction was wrong.</summary>
/// <param name="maxBytes">What all layers may take; null for no limit.</param>
internal sealed class CacheRoom(CacheDirectory cache, long? maxBytes, TimeProvider clock)
{
    private readonly CacheInventory _inventory = new(cache, clock);

    /// <summary>Removes what was used longest ago where the missing layers would not fit.</summary>
    /// <exception cref="GridWrapperException">That does not help.</exception>
    internal void Make(IReadOnlyCollection<Descriptor> missing, CancellationToken ct)
    {
        if (missing.Count > 0)
        {
            Make(LayerEstimate.Bytes(missing), LayerEstimate.LeastFiles(missing), $"the missing layers need {LayerEstimate.Words(missing)} unpacked", ct);
        }
    }

    /// <summary>The same for so much.</summary>
    /// <param name="wanted">For the message where that does not help.</param>
    internal void Make(double bytes, double files, string wanted, CancellationToken ct)
    {
        if (maxBytes is { } most)
        {
            _inventory.Sweep((long)Math.Max(0, most - bytes), ct);
        }

        (FileSystemState state, _) = _inventory.Free((long)bytes, (long)files, ct);
        if (bytes > state.FreeBytes || files > state.FreeInodes)
        {
            throw CacheFault.NoRoom(cache.Path, wanted, state, null);
        }
    }

    /// <summary>After the disk ran full, and the prediction was wrong: removes everything that nobody uses.</summary>
    /// <param name="fault">The failure.</param>
    /// <param name="missing">Layers that are still to be made.</param>
    /// <param name="last">There is no other try after this one.</param>
    /// <exception cref="GridWrapperException">Another try would end the same way.</exception>
    internal void MakeAgain(GridWrapperException fault, IReadOnlyCollection<Descriptor> missing, bool last, CancellationToken ct)
    {
        (FileSystemState state, int removed) = _inventory.Free(long.MaxValue, long.MaxValue, ct);
        if (last || removed == 0)
        {
            throw CacheFault.NoRoom(cache.Path, $"{fault.InnerException?.Message ?? fault.Message} while layers were unpacked; {LayerEstimate.Words(missing)} were expected to be needed", state, fault.InnerException);
        }
    }

    /// <summary>The disk, its inodes or a quota ran out.</summary>
    internal static bool IsFull(Exception exception) => FileTrouble.ErrnoName(exception) is "ENOSPC" or "EDQUOT";
}
