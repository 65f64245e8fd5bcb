using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Serving;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>
/// Finds out what the plan needs to know about this node and this image, and makes the plan: the one call site of <see cref="Planner"/>.
/// Only what the image's kind can use is asked: a directory needs no registry and no CVMFS repository.
/// </summary>
internal sealed class Surveyor(Composition parts, TimeProvider time)
{
    private const string OtherLauncher = "apptainer";

    private static readonly Fact<ImmutableArray<RuntimeFacts>> NotLookedFor =
        new Fact<ImmutableArray<RuntimeFacts>>.Unknown("not looked for, since the rootless launcher works here");

    private RunSettings Settings => parts.Settings;

    /// <param name="reference">The image.</param>
    /// <param name="everything">Leave nothing in the cache, and also look for other runtimes where our own launcher is enough: for plans that are shown to people.</param>
    /// <param name="ct">Cancels the survey.</param>
    internal async Task<Prepared> PrepareAsync(ImageReference reference, bool everything, CancellationToken ct)
    {
        long began = time.GetTimestamp();

        // The registry is asked while the node is being examined: a slow /cvmfs may take a minute.
        // An image that is not allowed by its name is not even asked for.
        Failure? barred = ImageGate.ByName(Settings.Site.Images, reference);
        Task<(Fact<ResolvedImage> Resolved, Failure? Failure)> resolving = barred is null
            ? ResolveAsync(reference, mayWrite: !everything, ct)
            : Task.FromResult<(Fact<ResolvedImage>, Failure?)>((new Fact<ResolvedImage>.Unknown(barred.Message), barred));
        HostFacts host = WithCvmfsRoot(await parts.HostProbe.ProbeAsync(Wanted(reference), ct)) with { Runtimes = NotLookedFor };
        double probe = time.GetElapsedTime(began).TotalSeconds;
        (Fact<ResolvedImage> resolved, Failure? failure) = await resolving;
        Fact<CvmfsImage> flat = await FindOnCvmfsAsync(reference, resolved, host, ct);
        Fact<PathImage> atPath = reference is ImageReference.AtPath path ? await new PathProbe(parts.Children).FindAsync(path.Path, Settings.Site.Cvmfs, ct) : new Fact<PathImage>.Unknown("not a path");
        ImageFacts image = ImageGate.Apply(Settings.Site.Images, new ImageFacts
        {
            Reference = reference,
            Barred = barred,
            Resolved = resolved,
            ResolveFailure = failure,
            Cvmfs = flat,
            CvmfsLayers = await FindLayersAsync(reference, resolved, host, everything ? null : flat, ct),
            AtPath = atPath,
            CachedFile = atPath.IsKnown(out PathImage found) && found.File is { } file ? ImageFileStore.FindCached(new CacheDirectory(Settings.CacheDirectory), file.State) : null,
            PullBytesPerSecond = reference is ImageReference.AtPath ? null : PullRate.Read(Settings.CacheDirectory),
            PackedBytesPerSecond = reference is ImageReference.InRegistry ? PullRate.Read(Settings.CacheDirectory, PullRate.Packing) : null,
        });
        image = WithCached(image);
        PlanInput input = WithZlib(WithRemovable(Input(host, image)));
        Prepared prepared = new(input, Plan(input), new Timings { Probe = probe });
        if (everything || !prepared.Plan.Candidates.Any(c => c.IsUsable && c.Launcher != OtherLauncher))
        {
            prepared = await WidenAsync(prepared, ct) ?? prepared;
        }

        return prepared with { Timings = prepared.Timings with { Resolve = Math.Max(0, time.GetElapsedTime(began).TotalSeconds - probe) } };
    }

    /// <summary>
    /// The same plan with the other runtimes of the node in it. They cost processes to examine, so they are looked for only where our own launcher
    /// is not enough, or has failed.
    /// </summary>
    /// <returns>Null when they are not wanted, or were looked for already.</returns>
    internal async Task<Prepared?> WidenAsync(Prepared prepared, CancellationToken ct)
    {
        bool wanted = Settings.Site.Launchers.Contains(OtherLauncher) && Settings.ForcedLauncher is null or OtherLauncher;
        if (!wanted || prepared.Input.Host.Runtimes != NotLookedFor)
        {
            return null;
        }

        PlanInput input = prepared.Input with { Host = await WithRuntimesAsync(prepared.Input.Host, ct) };
        return prepared with { Input = input, Plan = Plan(input) };
    }

    /// <summary>Every group of facts, for `gridwrap probe`.</summary>
    internal async Task<HostFacts> ProbeAllAsync(CancellationToken ct) => WithCvmfsRoot(await parts.HostProbe.ProbeAsync(
        new ProbeRequest
        {
            Namespaces = true,
            Runtimes = true,
            RuntimeTrialDirectory = Path.Combine(Settings.CacheDirectory, "trial"),
            CvmfsRepositories = Repositories,
            Space = Space,
            Fuse = true,
            Gpus = true,
            Zstd = true,
            Zlib = true,
            Cgroups = true,
            Proxies = true,
        },
        ct));

    private ImmutableArray<string> Repositories =>
        [.. Settings.Site.Cvmfs.ImageRepositories.Select(r => r.Split('/')[0]).Concat(Settings.Site.Cvmfs.Repositories).Distinct(StringComparer.Ordinal)];

    private ImmutableArray<(string, string)> Space => [("work", Settings.WorkDirectory), ("cache", ExistingParent(Settings.CacheDirectory))];

    private static string ExistingParent(string path) => Directory.Exists(path) ? path : ExistingParent(Path.GetDirectoryName(path) ?? "/");

    private PlanInput Input(HostFacts host, ImageFacts image) => new()
    {
        Site = Settings.Site,
        Host = host,
        Image = image,
        CacheDirectory = Settings.CacheDirectory,
        SharedCaches = Settings.SharedCaches,
        Writable = Settings.Writable,
        MissingGpu = GpuChoice.Missing(Settings, host),
        ForcedStrategy = Settings.ForcedStrategy,
        ForcedLauncher = Settings.ForcedLauncher,
    };

    /// <summary>The node's own cache comes before shared ones: its layers are held by leases.</summary>
    private ImageFacts WithCached(ImageFacts image)
    {
        ImageConfig? config = image.Resolved.IsKnown(out ResolvedImage known) ? known.Config : image.CvmfsLayers.IsKnown(out CvmfsLayers layers) ? layers.Config : null;
        if (config is null)
        {
            return image;
        }

        ImmutableHashSet<Digest> own = LayerStore.FindCached(new CacheDirectory(Settings.CacheDirectory), config.DiffIds);
        IReadOnlyDictionary<Digest, SharedLayer>? shared = Settings.SharedCaches.IsEmpty || config.DiffIds.All(own.Contains)
            ? null
            : CacheRoots.Find(Settings.SharedCaches, config with { DiffIds = [.. config.DiffIds.Where(diffId => !own.Contains(diffId))] });
        return image with
        {
            CachedLayers = own.Union(shared?.Keys ?? []),
            SharedLayers = shared,
            PackedLayers = image.Reference is ImageReference.InRegistry ? PackedStore.FindCached(new CacheDirectory(Settings.CacheDirectory), config.DiffIds, Settings.SharedCaches) : null,
        };
    }

    /// <summary>Where the missing layers would not fit, the cache is looked through for what could be removed for them.</summary>
    private PlanInput WithRemovable(PlanInput input)
    {
        SpaceFacts? space = input.Host.Space.FirstOrDefault(s => s.Purpose == "cache");
        if (space is null || !input.Image.Resolved.IsKnown(out ResolvedImage image) || !Directory.Exists(input.CacheDirectory))
        {
            return input;
        }

        ImmutableArray<Descriptor> missing = LayerCost.Missing(input, image);
        double bytes = Math.Max(LayerEstimate.Bytes(missing), LayerEstimate.Bytes(ServedJudge.Missing(input, image)));
        if (bytes <= space.FreeBytes && LayerEstimate.LeastFiles(missing) <= space.FreeInodes)
        {
            return input;
        }

        (long removable, long entries) = new CacheInventory(new CacheDirectory(input.CacheDirectory), time).Removable();
        return input with { RemovableBytes = removable, RemovableEntries = entries };
    }

    /// <summary>The node's zlib is loaded only where layers are to be kept compressed.</summary>
    private static PlanInput WithZlib(PlanInput input)
    {
        if (!input.Image.Resolved.IsKnown(out ResolvedImage image) || !KeptForm.NeedsZlib(input, ServedJudge.Missing(input, image)))
        {
            return input;
        }

        return input with { Host = input.Host with { Zlib = ZlibProbe.Probe() } };
    }

    internal RunPlan Plan(PlanInput input) => Planner.Plan(input, parts.Strategies, parts.Launchers);

    private ProbeRequest Wanted(ImageReference reference)
    {
        ProbeRequest request = new() { Namespaces = Settings.ForcedLauncher is null or "rootless", Gpus = Settings.Gpu != "off" };
        return reference switch
        {
            ImageReference.AtPath path => request with { CvmfsRepositories = RepositoryOf(path.Path), Fuse = true, Space = Space },
            ImageReference.InRegistry => request with { Space = Space, Zstd = true, FuseDevice = true, CvmfsRepositories = Settings.Site.Strategies.Any(s => s.StartsWith("cvmfs-", StringComparison.Ordinal)) ? Repositories : [.. Settings.Site.Cvmfs.Repositories] },
            _ => request with { Space = Space, Zstd = true, CvmfsRepositories = Settings.Site.Cvmfs.Repositories.IsEmpty ? null : Settings.Site.Cvmfs.Repositories },
        };
    }

    private ImmutableArray<string>? RepositoryOf(string path)
    {
        string root = Settings.Site.Cvmfs.Root + "/";
        return path.StartsWith(root, StringComparison.Ordinal) && path.Length > root.Length ? [path[root.Length..].Split('/')[0]] : null;
    }

    internal static bool IsMounted(MountInfo mounts, string root)
    {
        foreach (MountEntry mount in mounts.Mounts)
        {
            if (mount.MountPoint == root || mount.MountPoint.StartsWith(root + "/", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether /cvmfs is there at all is read from the mount table where no repository was asked for: looking costs nothing and touches nothing.</summary>
    private HostFacts WithCvmfsRoot(HostFacts host)
    {
        if (host.Cvmfs is Fact<CvmfsFacts>.Absent)
        {
            return host;
        }

        string root = Settings.Site.Cvmfs.Root;
        bool mounted = IsMounted(MountInfo.Read(), root);
        if (host.Cvmfs.IsKnown(out CvmfsFacts known))
        {
            return host with { Cvmfs = new Fact<CvmfsFacts>.Known(known with { Present = mounted || known.Repositories.Any(r => r.Usable) }) };
        }

        return mounted ? host with { Cvmfs = new Fact<CvmfsFacts>.Known(new CvmfsFacts { Root = root, Present = true, Repositories = [] }) } : host;
    }

    private async Task<HostFacts> WithRuntimesAsync(HostFacts host, CancellationToken ct)
    {
        HostFacts found = await parts.HostProbe.ProbeAsync(
            new ProbeRequest { Runtimes = true, RuntimeTrialDirectory = Path.Combine(Settings.CacheDirectory, "trial"), CvmfsRepositories = [] }, ct);
        return host with { Runtimes = found.Runtimes };
    }

    private async Task<(Fact<ResolvedImage> Resolved, Failure? Failure)> ResolveAsync(ImageReference reference, bool mayWrite, CancellationToken ct)
    {
        if (reference is ImageReference.AtPath)
        {
            return (new Fact<ResolvedImage>.Absent("a path has no manifest"), null);
        }

        try
        {
            NodeFacts node = NodeProbe.Probe("/", Settings.Environment);
            long began = time.GetTimestamp();
            ResolvedImage image = reference is ImageReference.InRegistry inRegistry
                ? await new ImageResolver(parts.Clients, new ConfigStore(new CacheDirectory(Settings.CacheDirectory), mayWrite, time)).ResolveAsync(inRegistry, Settings.Site, node, ct)
                : (await LocalImages.ResolveAsync(reference, Settings.Site, node, ct)).Image;
            double? roundTrip = image.Requests > 0 ? time.GetElapsedTime(began).TotalSeconds / image.Requests : null;
            return (new Fact<ResolvedImage>.Known(image with { RoundTripSeconds = roundTrip }), null);
        }
        catch (GridWrapperException e)
        {
            return (new Fact<ResolvedImage>.Unknown(e.Message), e.Failure);
        }
    }

    private async Task<Fact<CvmfsImage>> FindOnCvmfsAsync(ImageReference reference, Fact<ResolvedImage> resolved, HostFacts host, CancellationToken ct)
    {
        if (reference is not ImageReference.InRegistry inRegistry)
        {
            return new Fact<CvmfsImage>.Unknown("not an image of a registry");
        }

        if (!host.Cvmfs.IsKnown(out CvmfsFacts facts))
        {
            return new Fact<CvmfsImage>.Unknown(host.Cvmfs.Why);
        }

        Platform platform = new("linux", host.Node.Architecture);
        return await new CvmfsImageProbe(parts.Children).FindAsync(inRegistry, resolved, facts, new ImageSearch(Settings.Site, platform), ct);
    }

    /// <param name="flat">The flattened tree: where it serves, the layers are not looked for. Null = look in any case.</param>
    private async Task<Fact<CvmfsLayers>> FindLayersAsync(
        ImageReference reference, Fact<ResolvedImage> resolved, HostFacts host, Fact<CvmfsImage>? flat, CancellationToken ct)
    {
        if (reference is not ImageReference.InRegistry inRegistry || !Settings.Site.Strategies.Contains(CvmfsLayersStrategy.StrategyName) || !host.Cvmfs.IsKnown(out CvmfsFacts facts))
        {
            return new Fact<CvmfsLayers>.Unknown(reference is ImageReference.InRegistry ? "CVMFS could not be looked at: " + host.Cvmfs.Why : "not an image of a registry");
        }

        bool served = flat is not null && flat.IsKnown(out CvmfsImage tree) && tree.Verification != Verification.Stale && Settings.ForcedStrategy is null or "cvmfs-flat";
        return served
            ? new Fact<CvmfsLayers>.Unknown(CvmfsLayersStrategy.NotLookedFor)
            : await new CvmfsLayerProbe(parts.Children).FindAsync(inRegistry, resolved, facts, new ImageSearch(Settings.Site, new Platform("linux", host.Node.Architecture)), ct);
    }
}
