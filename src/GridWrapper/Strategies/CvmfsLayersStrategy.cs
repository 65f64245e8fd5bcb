using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Serving;

namespace GridWrapper.Strategies;

/// <summary>
/// An overlay of the image's layers, each from where it is nearest: the node's cache, CVMFS in place, the registry. Only what none of the first two has is fetched, and kept packed and served
/// where this node can do that.
/// </summary>
internal sealed class CvmfsLayersStrategy(RegistryClientFactory clients, IProbeChildren children, TimeProvider clock) : IRootfsStrategy
{
    /// <summary>Held until the process ends: the payload runs on what is leased.</summary>
    private readonly CacheLeases _leases = new(clock);

    internal const string StrategyName = "cvmfs-layers";

    public string Name => StrategyName;

    public Verdict Judge(PlanInput input, RootfsForm form)
    {
        if (input.Image.Reference is not ImageReference.InRegistry)
        {
            return Verdict.DoesNotApply("only images named by a registry reference are looked for in CVMFS");
        }

        if (!input.Image.CvmfsLayers.IsKnown(out CvmfsLayers facts))
        {
            return Refuse(input.Image.CvmfsLayers.Why, input.Image.CvmfsLayers is Fact<CvmfsLayers>.Unknown) with { NotApplicable = input.Image.CvmfsLayers.Why == NotLookedFor };
        }

        ImmutableArray<HybridPart> parts = Choose(input, facts, form);
        if (!HybridParts.AreMixed(parts))
        {
            return Verdict.DoesNotApply("all layers are in the cache");
        }

        return RefusedByPolicy(input, facts, parts) ?? RefusedByNode(input, facts, parts, form) ?? (Verdict)Verdict.Yes(HybridCost.Of(input, parts), Sources(parts));
    }

    /// <summary>Said of an image whose flattened tree is used instead.</summary>
    internal const string NotLookedFor = "not looked for, since the flattened tree of the image is there";

    public Rootfs Predict(PlanInput input, RootfsForm form)
    {
        CvmfsLayers facts = Facts(input);
        ImmutableArray<HybridPart> parts = Choose(input, facts, form);
        return new HybridAssembly(Context(input, null, form)).Predict(facts, parts) with { Strategy = Name };
    }

    public async Task<Rootfs> MaterialiseAsync(PlanInput input, RootfsForm form, CancellationToken ct)
    {
        CvmfsLayers facts = Facts(input);
        using RegistryClient client = clients.Create(input.Site);
        bool registry = facts.Verification == Verification.Verified;
        IBlobSource? blobs = registry ? new RegistryBlobs(client, (ImageReference.InRegistry)input.Image.Reference) : null;
        long began = clock.GetTimestamp();
        Rootfs made = await new HybridAssembly(Context(input, blobs, form)).MakeAsync(facts, ct);
        bool isPacked = made.Layers.Any(layer => layer is { Packed: true, Source: "registry" });
        if (!isPacked || Kept(input, form).Form != KeptAs.Compressed)
        {
            PullRate.Note(input.CacheDirectory, client.Counter.Bytes, clock.GetElapsedTime(began), isPacked ? PullRate.Packing : PullRate.Unpacking);
        }

        return made with { Strategy = Name, Transfer = made.Transfer with { BytesFetched = client.Counter.Bytes, Requests = client.Counter.Requests } };
    }

    /// <summary>Served layers are lower directories of the kernel's overlay, so it must be that which stacks.</summary>
    private static bool CanServe(PlanInput input, RootfsForm form) => form == RootfsForm.Stack && FuseJudge.Refuse(input.Host, "the layers cannot be served") is null;

    private static KeptForm Kept(PlanInput input, RootfsForm form) => KeptForm.Of(input, HybridParts.MissingPacked(Choose(input, Facts(input), form)));

    private static ImmutableArray<HybridPart> Choose(PlanInput input, CvmfsLayers facts, RootfsForm form) =>
        HybridParts.Choose(facts, input.Image.CachedLayers, CanServe(input, form) ? input.Image.PackedLayers ?? [] : null);

    private HybridAssembly.Context Context(PlanInput input, IBlobSource? blobs, RootfsForm form) =>
        new(new CacheDirectory(input.CacheDirectory), children, input.Site.Cvmfs, clock) { Form = form, Blobs = blobs, Leases = _leases, MaxBytes = (long?)input.Site.Cache.MaxBytes, Shared = input.Image.SharedLayers, CanServe = CanServe(input, form), Kept = Kept(input, form), SharedRoots = input.SharedCaches };

    private static CvmfsLayers Facts(PlanInput input) =>
        input.Image.CvmfsLayers.IsKnown(out CvmfsLayers facts) ? facts : throw new InvalidOperationException("called without a usable verdict");

    private static Verdict.Refused? RefusedByPolicy(PlanInput input, CvmfsLayers facts, ImmutableArray<HybridPart> parts)
    {
        if (facts.Verification == Verification.Unverified && input.Site.Cvmfs.UnverifiedImages != "accept")
        {
            return Refuse($"the layers in CVMFS could not be compared with the registry ({input.Image.Resolved.Why}), and the profile refuses unverified images (cvmfs.unverifiedImages)", retryable: true) with { Blame = Blame.Registry };
        }

        HashSet<string> used = [.. parts.OfType<HybridPart.InCvmfs>().Select(p => p.Layer.Repository), .. parts.OfType<HybridPart.Chain>().Select(p => p.Layers.Repository)];
        CvmfsRepositoryFacts? copy = input.Host.Cvmfs.IsKnown(out CvmfsFacts cvmfs)
            ? cvmfs.Repositories.FirstOrDefault(r => r.State == CvmfsState.Copy && used.Contains(r.Name))
            : null;
        return copy is not null && input.Site.Cvmfs.Copies != "accept"
            ? Refuse($"{copy.Name} is no CVMFS mount ({copy.Detail}), and the profile refuses copies (cvmfs.copies)", retryable: false)
            : null;
    }

    private static Verdict.Refused? RefusedByNode(PlanInput input, CvmfsLayers facts, ImmutableArray<HybridPart> parts, RootfsForm form)
    {
        if (form == RootfsForm.Tree)
        {
            return Refuse("layers of CVMFS can only be stacked, and this launcher takes one whole tree", retryable: false);
        }

        ImmutableArray<Descriptor> missing = HybridParts.Missing(parts);
        ImmutableArray<Descriptor> packed = HybridParts.MissingPacked(parts);
        ImmutableArray<Descriptor> fetched = [.. missing, .. packed];
        if (fetched.Length > 0 && facts.Verification == Verification.Unverified)
        {
            return Refuse($"{fetched.Length} of {facts.Layers.Length} layers are not in CVMFS, and the registry does not answer: {input.Image.Resolved.Why}", retryable: true) with { Blame = Blame.Registry };
        }

        return LayeredJudge.RefuseMissing(input, fetched, form, missing)
            ?? (packed.IsEmpty ? null : KeptForm.Of(input, packed).Refuse(input, packed));
    }

    private static string Sources(ImmutableArray<HybridPart> parts)
    {
        List<string> texts = [];
        void Add(int count, string text)
        {
            if (count > 0)
            {
                texts.Add(string.Create(CultureInfo.InvariantCulture, $"{count} {text}"));
            }
        }

        Add(parts.OfType<HybridPart.Chain>().Sum(c => c.Layers.Count), "layers as one chain in CVMFS");
        Add(parts.Count(p => p is HybridPart.InCvmfs), "layers in CVMFS");
        Add(parts.Count(p => p is HybridPart.Stored { Cached: true }), "in the cache");
        Add(parts.Count(p => p is HybridPart.Packed { Cached: true }), "packed in the cache, served");
        Add(parts.Count(p => p is HybridPart.Stored { Cached: false }), "to be pulled");
        Add(parts.Count(p => p is HybridPart.Packed { Cached: false }), "to be pulled, packed and served");
        return string.Join(", ", texts);
    }

    private static Verdict.Refused Refuse(string reason, bool retryable) =>
        new() { Reason = reason, Blame = Blame.Cvmfs, PilotErrorCode = PilotError.ImageNotFound, Retryable = retryable };
}
