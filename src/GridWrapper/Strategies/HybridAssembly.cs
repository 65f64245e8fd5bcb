using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Serving;
using GridWrapper.Sites;

namespace GridWrapper.Strategies;

/// <summary>Puts a root filesystem together from layers of CVMFS, of the node's cache and of the registry.</summary>
internal sealed class HybridAssembly(HybridAssembly.Context context)
{
    private static readonly RoomLog Log = new(nameof(HybridAssembly));

    private readonly LayerShims _shims = new(context.Cache, context.Leases);
    private readonly HybridStack _stack = new(context.Cache);
    private readonly HybridServing _serving = new(HybridServing.Mount(context.Cache.Path));
    private readonly HashSet<Digest> _fetched = [];
    private readonly Dictionary<Digest, SharedLayer> _sharedPacked = [];
    private long _filesMade;

    /// <summary>So many of the lowest layers are put together in one directory, since there are more than the kernel stacks.</summary>
    private int _folded;

    /// <summary>Reads only what earlier walks have left in the cache. Layers of CVMFS are shown without the directories that correct their removals.</summary>
    internal Rootfs Predict(CvmfsLayers facts, ImmutableArray<HybridPart> parts)
    {
        ImmutableArray<LayerOrigin> origins = SharedOrigins.Mark(HybridParts.Origins(facts, parts, parts.OfType<HybridPart.InCvmfs>().DistinctBy(p => p.Blob.Digest).ToDictionary(p => p.Blob.Digest, p => _shims.Find(p)?.Unreadable ?? 0)), facts.Config.DiffIds, context.Shared);
        return new Rootfs
        {
            Strategy = "",
            LowerDirectories = [.. parts.Reverse().SelectMany(Predicted)],
            UserXattr = true,
            Packed = PredictedPacked(parts),
            Config = facts.Config,
            Layers = origins,
            Transfer = HybridParts.Saved(origins),
        };
    }

    private Dictionary<string, string>? PredictedPacked(ImmutableArray<HybridPart> parts) =>
        parts.OfType<HybridPart.Packed>().ToDictionary(p => HybridServing.Directory(HybridServing.Mount(context.Cache.Path), p.DiffId), p => context.Cache.PackedDirectory(p.DiffId), StringComparer.Ordinal) is { Count: > 0 } packed ? packed : null;

    internal async Task<Rootfs> MakeAsync(CvmfsLayers facts, CancellationToken ct)
    {
        try
        {
            context.Cache.Prepare();
            return await TryAsync(facts, ct);
        }
        catch (Exception e)
        {
            _serving.Close();
            if (e is IOException or UnauthorizedAccessException)
            {
                throw HybridFault.Storage(context.Cache.Path, e);
            }

            throw;
        }
    }

    /// <summary>A layer of CVMFS that turns out to be unusable is left out, and the sources are chosen again; each round leaves out at least one.</summary>
    private async Task<Rootfs> TryAsync(CvmfsLayers facts, CancellationToken ct)
    {
        while (true)
        {
            ImmutableHashSet<Digest> cached = LayerStore.FindCached(context.Cache, facts.Config.DiffIds).Union(context.Shared?.Keys ?? []);
            ImmutableHashSet<Digest>? packed = context.CanServe && _folded == 0 ? PackedStore.FindCached(context.Cache, facts.Config.DiffIds, context.SharedRoots) : null;
            ImmutableArray<HybridPart> parts = HybridParts.Choose(facts, cached, packed);
            if (HybridParts.Directories(parts.Skip(_folded)) > HybridStack.MaxDirectories)
            {
                (facts, _folded) = HybridParts.Fold(facts, HybridStack.MaxDirectories);
                continue;
            }

            LayerWalks.Found walks = await new LayerWalks(_shims, context.Children, context.Policy).FindAsync([.. parts.OfType<HybridPart.InCvmfs>()], ct);
            AddUnreadable(facts, walks);
            AddMarked(walks);
            if (walks.Faults.Count > 0)
            {
                facts = Without(facts, walks.Faults);
                continue;
            }

            ImmutableArray<HybridStack.Piece> pieces = await PiecesAsync(facts, parts, walks, ct);
            (CvmfsLayers Less, ImmutableArray<HybridStack.Piece> Pieces) settled = await SettleAsync(facts, pieces, ct);
            if (settled.Less != facts)
            {
                facts = settled.Less;
                continue;
            }

            return Describe(facts, parts, walks, settled.Pieces);
        }
    }

    private static CvmfsLayers Without(CvmfsLayers facts, Dictionary<Digest, string> faults)
    {
        foreach ((Digest blob, string fault) in faults)
        {
            Log.Info("Layer {Blob} is not taken from CVMFS: {Fault}", blob, fault);
        }

        return facts with { Found = facts.Found.RemoveRange(faults.Keys), Notes = facts.Notes.AddRange(faults.Select(f => $"layer {f.Key.Hex[..12]}: {f.Value}")) };
    }

    /// <summary>A layer whose unreadable entries the image's own command or directory needs is as good as unusable.</summary>
    private static void AddUnreadable(CvmfsLayers facts, LayerWalks.Found walks)
    {
        string[] needed = [.. facts.Config.Entrypoint.Take(1).Concat(facts.Config.Cmd.Take(1)).Append(facts.Config.WorkingDir).Where(p => p.StartsWith('/')).Select(p => p.TrimStart('/'))];
        foreach ((Digest blob, CvmfsLayerIndex index) in walks.Indexes)
        {
            string? unreadable = index.UnreadablePaths.FirstOrDefault(u => needed.Any(n => n.Length > 0 && (n == u || n.StartsWith(u + "/", StringComparison.Ordinal))));
            if (unreadable is not null)
            {
                walks.Faults[blob] = $"/{EntryPath.ForPeople(Encoding.Latin1.GetBytes(unreadable))} cannot be read there, and the image's command needs it";
            }
        }
    }

    /// <summary>fuse-overlayfs takes ".wh.NAME" for a removal by itself, but lets it hide what the same layer makes anew, and takes the directories that hide the marks for marks.</summary>
    private void AddMarked(LayerWalks.Found walks)
    {
        foreach ((Digest blob, CvmfsLayerIndex index) in walks.Indexes)
        {
            if (context.Form == RootfsForm.FuseStack && index.Masked.Any(m => m[(m.LastIndexOf('/') + 1)..].StartsWith(".wh.", StringComparison.Ordinal)))
            {
                walks.Faults[blob] = "it has removals, which fuse-overlayfs does not read as the image means them";
            }
        }
    }

    private async Task<ImmutableArray<HybridStack.Piece>> PiecesAsync(CvmfsLayers facts, ImmutableArray<HybridPart> parts, LayerWalks.Found walks, CancellationToken ct)
    {
        List<HybridStack.Piece> pieces = [];
        IReadOnlyDictionary<Digest, StoredLayer> layers = await EnsureAllAsync(facts, [.. parts.OfType<HybridPart.Stored>()], ct);
        IReadOnlyDictionary<Digest, PackedLayer> packed = await PackAllAsync(facts, [.. parts.OfType<HybridPart.Packed>()], ct);
        if (_folded > 0)
        {
            StoredLayer[] lowest = [.. parts.Take(_folded).OfType<HybridPart.Stored>().Reverse().Select(p => layers[p.DiffId!])];
            pieces.Add(HybridStack.Of(await LayerFold.MakeAsync([.. lowest], new Flattener(context.Cache, context.Clock), context.Leases, ct)));
        }

        foreach (HybridPart part in parts.Skip(_folded))
        {
            switch (part)
            {
                case HybridPart.Stored stored:
                    pieces.Add(HybridStack.Of(layers[stored.DiffId!]));
                    break;
                case HybridPart.Packed kept:
                    pieces.Add(_serving.Of(packed[kept.DiffId]));
                    break;
                case HybridPart.InCvmfs layer:
                    pieces.Add(_stack.Of(layer, walks.Indexes[layer.Blob.Digest]));
                    break;
                case HybridPart.Chain chain:
                    pieces.Add(new HybridStack.Piece(chain.Layers.Tree));
                    break;
            }
        }

        pieces.Reverse();
        return [.. pieces];
    }

    /// <summary>The layers that CVMFS does not have, several at a time.</summary>
    private async Task<IReadOnlyDictionary<Digest, StoredLayer>> EnsureAllAsync(CvmfsLayers facts, ImmutableArray<HybridPart.Stored> parts, CancellationToken ct)
    {
        if (parts.Any(part => part.DiffId is null || (context.Blobs is null && !part.Cached)))
        {
            throw HybridFault.NothingToPullWith(facts.Notes);
        }

        var store = new LayerStore(context.Cache, context.Clock, context.Leases) { MaxBytes = context.MaxBytes, Shared = context.Shared };
        IReadOnlyDictionary<Digest, StoredLayer> layers = await store.EnsureAllAsync(parts.Select(part => new ImageLayer(part.Blob, part.DiffId!)), context.Blobs ?? new NoBlobs(facts.Notes), ct);
        _filesMade += layers.Values.Where(layer => !layer.WasCached).Sum(layer => layer.Index.Entries);
        _fetched.UnionWith(layers.Values.Where(layer => !layer.WasCached).Select(layer => layer.DiffId));
        return layers;
    }

    /// <summary>Those of them that are to be served.</summary>
    private async Task<IReadOnlyDictionary<Digest, PackedLayer>> PackAllAsync(CvmfsLayers facts, ImmutableArray<HybridPart.Packed> parts, CancellationToken ct)
    {
        if (parts.Any(part => context.Blobs is null && !part.Cached))
        {
            throw HybridFault.NothingToPullWith(facts.Notes);
        }

        if (parts.IsEmpty)
        {
            return ImmutableDictionary<Digest, PackedLayer>.Empty;
        }

        var store = new PackedStore(context.Cache, context.Clock, context.Leases) { MaxBytes = context.MaxBytes, SharedRoots = context.SharedRoots, Form = context.Kept.Form };
        IReadOnlyDictionary<Digest, PackedLayer> layers = await store.EnsureAllAsync(parts.Select(part => new ImageLayer(part.Blob, part.DiffId)), context.Blobs ?? new NoBlobs(facts.Notes), ct);
        PackedLayer[] fetched = [.. layers.Values.Where(layer => !layer.WasCached)];
        _filesMade += fetched.Length * KeptForm.FilesPerLayer;
        _fetched.UnionWith(fetched.Select(layer => layer.DiffId));
        foreach (PackedLayer layer in layers.Values.Where(layer => layer.SharedRoot is not null))
        {
            _sharedPacked[layer.DiffId] = new SharedLayer(layer.SharedRoot!, Unreadable: 0);
        }

        return layers;
    }

    /// <summary>Looks at the trees of CVMFS once more, all in one child, for what decides the stacking; then for corners. Facts that were changed mean another round.</summary>
    private async Task<(CvmfsLayers Less, ImmutableArray<HybridStack.Piece> Pieces)> SettleAsync(CvmfsLayers facts, ImmutableArray<HybridStack.Piece> pieces, CancellationToken ct)
    {
        ImmutableArray<string> claims = HybridStack.Claims(pieces);
        Dictionary<(string Tree, string Path), string> places = [];
        foreach (IGrouping<string, HybridStack.Piece> group in pieces.Where(p => p.Local is null).GroupBy(p => CvmfsPath.RepositoryOf(p.Tree, context.Policy.Root) ?? ""))
        {
            HybridStack.Piece[] asked = [.. group];
            ProbeReply reply = await AskAsync(group.Key, [.. asked.Select(p => p.Tree)], claims, ct);
            for (int t = 0; t < asked.Length; t++)
            {
                string number = t.ToString(CultureInfo.InvariantCulture);
                if (reply[$"{number}.0"].Length == 0)
                {
                    return (Without(facts, asked[t], reply[number + ".errno"] is { Length: > 0 } errno ? errno : reply.Trouble), pieces);
                }

                for (int p = 0; p < claims.Length; p++)
                {
                    places[(asked[t].Tree, claims[p])] = reply[string.Create(CultureInfo.InvariantCulture, $"{t}.{p}")];
                }
            }
        }

        pieces = [.. pieces.Select(p => p.Local is null && p.Cvmfs is null ? p with { Mask = MaskOfChain(p.Tree, places[(p.Tree, "")]) } : p)];
        string? fault = pieces.Select(p => p.Fault).FirstOrDefault(f => f is not null);
        return (fault, HybridStack.FindCorner(pieces, places)) switch
        {
            (null, null) => (facts, pieces),
            (null, { Piece.Cvmfs: { } part } corner) => (Without(facts, new Dictionary<Digest, string> { [part.Blob.Digest] = corner.Reason }), pieces),
            (null, { } corner) => throw HybridFault.CannotStack(corner.Reason),
            _ => throw HybridFault.CannotStack(fault!),
        };
    }

    private static CvmfsLayers Without(CvmfsLayers facts, HybridStack.Piece piece, string fault) => piece.Cvmfs is { } part
        ? Without(facts, new Dictionary<Digest, string> { [part.Blob.Digest] = fault })
        : facts with { Chain = null, Notes = facts.Notes.Add($"the chain of {facts.Chain?.Count} layers: {fault}") };

    private string MaskOfChain(string tree, string place)
    {
        uint permissions = place.Split(' ') is [PlaceCheck.Directory, var mode] ? Convert.ToUInt32(mode, 8) : 0x1ED;
        return _shims.MaskOfChain(Digest.Parse("sha256:" + Path.GetFileName(tree)), permissions);
    }

    private Task<ProbeReply> AskAsync(string repository, string[] trees, ImmutableArray<string> claims, CancellationToken ct)
    {
        TimeSpan deadline = TimeSpan.FromSeconds(context.Policy.StepSeconds);
        return context.Children.AskAsync(
            new ProbeQuestion
            {
                Kind = ProbeKind.Places,
                Arguments = [trees.Length.ToString(CultureInfo.InvariantCulture), .. trees, .. claims],
                FirstDeadline = deadline,
                StepDeadline = deadline,
                Repository = Path.Combine(context.Policy.Root, repository),
            },
            ct);
    }

    private Rootfs Describe(CvmfsLayers facts, ImmutableArray<HybridPart> parts, LayerWalks.Found walks, ImmutableArray<HybridStack.Piece> pieces)
    {
        ImmutableArray<string> directories = HybridStack.Directories(pieces, _shims.MakeParents);
        if (directories.Length > HybridStack.MaxDirectories)
        {
            throw HybridFault.CannotStack($"{directories.Length} directories are more than the kernel stacks");
        }

        parts = [.. parts.Select(p => p switch
        {
            HybridPart.Stored stored => stored with { Cached = !_fetched.Contains(stored.DiffId!) },
            HybridPart.Packed kept => kept with { Cached = !_fetched.Contains(kept.DiffId) },
            _ => p,
        })];
        IReadOnlyDictionary<string, string>? packed = _serving.Kept(directories);
        if (packed is null)
        {
            // Those that were packed lie below one that hides everything.
            _serving.Close();
        }
        else
        {
            Directory.CreateDirectory(HybridServing.Mount(context.Cache.Path));
        }

        ImmutableArray<LayerOrigin> origins = SharedOrigins.Mark(HybridParts.Origins(facts, parts, walks.Indexes.ToDictionary(i => i.Key, i => i.Value.Unreadable)), facts.Config.DiffIds, context.Shared);
        origins = SharedOrigins.Mark(origins, facts.Config.DiffIds, _sharedPacked);
        return new Rootfs
        {
            Strategy = "",
            LowerDirectories = directories,
            UserXattr = true,
            Packed = packed,
            Served = packed is null ? null : _serving.Root(),
            Removals = RootRemovals.Of(directories, pieces, part => walks.Indexes[part.Blob.Digest]),
            Config = facts.Config,
            Layers = origins,
            Transfer = HybridParts.Saved(origins) with { FilesMade = _filesMade },
        };
    }

    private IEnumerable<string> Predicted(HybridPart part) => part switch
    {
        HybridPart.Stored stored => [stored.DiffId is null ? "" : SharedOrigins.TreeOf(stored.DiffId, context.Cache, context.Shared)],
        HybridPart.Packed kept => [HybridServing.Directory(HybridServing.Mount(context.Cache.Path), kept.DiffId)],
        HybridPart.InCvmfs layer => [LayerShims.Mask(context.Cache, layer), layer.Layer.Tree],
        HybridPart.Chain chain => [LayerShims.MaskOfChain(context.Cache, chain.Layers), chain.Layers.Tree],
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>What the assembly works with.</summary>
    /// <param name="Policy">How CVMFS may be touched.</param>
    internal sealed record Context(CacheDirectory Cache, IProbeChildren Children, CvmfsPolicy Policy, TimeProvider Clock)
    {
        public RootfsForm Form { get; init; } = RootfsForm.Stack;

        /// <summary>Null where the registry does not answer.</summary>
        public IBlobSource? Blobs { get; init; }

        /// <summary>Where the layers in use are held against a clean-up.</summary>
        public CacheLeases? Leases { get; init; }

        /// <summary>The profile's cache.maxBytes.</summary>
        public long? MaxBytes { get; init; }

        /// <summary>Layers that have to be fetched are kept packed, and served with those that are.</summary>
        public bool CanServe { get; init; }

        /// <summary>In which form.</summary>
        public KeptForm Kept { get; init; } = new(KeptAs.Inflated, 0, "");

        /// <summary>Roots that may hold packed layers and are only read.</summary>
        public ImmutableArray<string> SharedRoots { get; init; } = [];

        /// <summary>Layers in shared roots; null for none.</summary>
        public IReadOnlyDictionary<Digest, SharedLayer>? Shared { get; init; }
    }

    /// <summary>Stands where no registry is: a cached layer that vanished meanwhile cannot be fetched.</summary>
    private sealed class NoBlobs(ImmutableArray<string> notes) : IBlobSource
    {
        public string Name => "registry";

        public Task<Stream> OpenAsync(Descriptor blob, CancellationToken ct) => throw HybridFault.NothingToPullWith(notes);
    }
}
