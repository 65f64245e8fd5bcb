using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>Puts layers together in one directory, for launchers and file systems without overlay. Files are hard links into the layers, so it costs no space.</summary>
internal sealed class Flattener(CacheDirectory cache, TimeProvider clock)
{
    private static readonly TimeSpan LockPatience = TimeSpan.FromMinutes(60);

    /// <summary>The same, held: between its making and the lease a clean-up may take it, and then it is made again.</summary>
    internal async Task<string> EnsureHeldAsync(Digest config, ImmutableArray<StoredLayer> layers, CacheLeases? leases, CancellationToken ct)
    {
        string tree;
        do
        {
            tree = await EnsureAsync(config, layers, ct);
        }
        while (leases?.TryHold(cache.FlatDirectory(config)) == false);
        return tree;
    }

    /// <summary>The flattened tree of an image, made if it is not there.</summary>
    /// <param name="layers">Base layer first.</param>
    internal async Task<string> EnsureAsync(Digest config, ImmutableArray<StoredLayer> layers, CancellationToken ct)
    {
        string final = cache.FlatDirectory(config);
        if (Directory.Exists(final))
        {
            return cache.FlatTree(config);
        }

        try
        {
            using FileLock held = await FileLock.AcquireAsync(cache.Lock("flat-" + config.Hex), LockPatience, clock, ct);
            if (!Directory.Exists(final))
            {
                Make(config, layers, ct);
            }

            return cache.FlatTree(config);
        }
        catch (TimeoutException e)
        {
            throw LayerFault.Busy($"the flattened image {config}", e);
        }
        catch (InvalidDataException e)
        {
            throw new GridWrapperException(
                new Failure
                {
                    Blame = Blame.Image,
                    Phase = Phase.Materialise,
                    Step = "flatten",
                    PilotErrorCode = PilotError.ContainerImageMountFailure,
                    Message = $"the layers of the image {config} cannot be put together: {e.Message}",
                },
                e);
        }
        catch (IOException e)
        {
            throw LayerFault.Storage($"flattening the image {config}", cache.Path, e);
        }
    }

    private void Make(Digest config, ImmutableArray<StoredLayer> layers, CancellationToken ct)
    {
        string work = cache.Temporary("flat-" + config.Hex);
        TreeRemover.Remove(work);
        Directory.CreateDirectory(work + "/tree");
        Directory.CreateDirectory(work + "/borrowed");
        try
        {
            using (var tree = new FlatTree(work + "/tree", work + "/borrowed"))
            {
                foreach (StoredLayer layer in layers)
                {
                    tree.Add(layer, ct);
                }

                tree.FinishDirectories();
            }

            TreeRemover.Remove(work + "/borrowed");
            Directory.Move(work, cache.FlatDirectory(config));
        }
        catch
        {
            TreeRemover.Remove(work);
            throw;
        }
    }
}
