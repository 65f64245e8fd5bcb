using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Strategies;

/// <summary>An image file unpacked into the node's cache by our own reader: no program of the node, no mount, and a tree that is checked like a layer.</summary>
internal sealed class SifUnpackedStrategy(IProbeChildren children, TimeProvider clock) : IRootfsStrategy
{
    /// <summary>A guess that orders the ways; what it came to stands beside it in the result.</summary>
    private const double BytesPerSecond = 60e6;
    private const double SecondsPerFile = 60e-6;

    /// <summary>Held until the process ends: the payload runs on what is leased.</summary>
    private readonly CacheLeases _leases = new(clock);

    public string Name => SifJudge.StrategyName;

    public string Way => SifJudge.Unpacked;

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if ((SifJudge.Refuse(input, out ImageFileFacts file) ?? SifJudge.RefuseForeign(file, input.Image.Reference.ToString()!)) is { } refused)
        {
            return refused;
        }

        if (input.Image.CachedFile is not null)
        {
            return Verdict.Yes(Cost.Nothing, "unpacked in the cache already");
        }

        if (file.Undecodable is { } missing)
        {
            return SifJudge.Refused(Blame.Site, PilotError.ContainerImageMountFailure, $"the image cannot be unpacked: {missing}") with { Retryable = true };
        }

        double needed = ImageFileStore.NeededBytes(file.SizeBytes, file.Inodes) + (file.IsLocal ? 0 : file.SizeBytes);
        SpaceFacts? space = input.Host.Space.FirstOrDefault(s => s.Purpose == "cache");
        if (space is not null && needed > space.FreeBytes)
        {
            string reason = string.Create(CultureInfo.InvariantCulture, $"the image needs about {needed / 1e6:0} MB unpacked, the cache {space.Path} has {space.FreeBytes / 1e6:0} MB free");
            return SifJudge.Refused(Blame.Site, PilotError.NoLocalSpace, reason) with { Errno = "ENOSPC", Retryable = true };
        }

        double seconds = (file.SizeBytes * (file.IsLocal ? 1 : 2) / BytesPerSecond) + (file.Inodes * SecondsPerFile);
        return Verdict.Yes(new Cost(0, 0, file.Inodes, seconds), string.Create(CultureInfo.InvariantCulture, $"{file.Inodes} files are unpacked into the cache, once on this node"));
    }

    public Rootfs Predict(PlanInput input, RootfsForm form) => Described(input, new CacheDirectory(input.CacheDirectory).LayerTree(
        input.Image.CachedFile ?? Images.Digest.Of(Encoding.UTF8.GetBytes(SifJudge.FileOf(input).Identity))));

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        ImageFile file = SifJudge.FileOf(input);
        var cache = new CacheDirectory(input.CacheDirectory);
        try
        {
            cache.Prepare();
            var store = new ImageFileStore(cache, clock, _leases) { MaxBytes = (long?)input.Site.Cache.MaxBytes };
            if (input.Image.CachedFile is not null || SifJudge.Found(input).File!.IsLocal)
            {
                return Rootfs(input, await store.EnsureAsync(file, ct));
            }

            using ImageFileCopy copy = await ImageFileCopy.MakeAsync(file, cache, new ImageFileCopy.Source(children, input.Site.Cvmfs), ct);
            return Rootfs(input, await store.EnsureAsync(copy.File, ct)) with { Transfer = new TransferCounts { BytesFromCvmfs = file.SizeBytes, FilesMade = SifJudge.Found(input).File!.Inodes } };
        }
        catch (UnauthorizedAccessException e)
        {
            throw LayerFault.Storage("writing", cache.Path, new IOException(e.Message, e));
        }
    }

    private static Rootfs Rootfs(PlanInput input, StoredLayer layer) =>
        Described(input, layer.Tree) with { Transfer = new TransferCounts { FilesMade = layer.WasCached ? 0 : layer.Index.Entries } };

    private static Rootfs Described(PlanInput input, string tree) => new()
    {
        Strategy = SifJudge.StrategyName,
        LowerDirectories = [tree],
        ImageFile = SifJudge.Found(input).Path,
    };
}
