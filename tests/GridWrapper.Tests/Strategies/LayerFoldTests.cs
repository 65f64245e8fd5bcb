using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Strategies;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Strategies;

/// <summary>More layers than the kernel stacks: the lowest become one directory, and the tree stays the same.</summary>
[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(120_000)]
internal sealed class LayerFoldTests
{
    [Test]
    public async Task The_tree_is_the_same_and_the_lowest_layers_are_shared(CancellationToken ct)
    {
        CacheDirectory cache = new(TreeListing.NewDirectory());
        cache.Prepare();
        ImmutableArray<StoredLayer> topFirst = [.. Enumerable.Range(0, LayerStack.MaxLayers + 20).Select(Layer).Reverse()];
        Flattener flattener = new(cache, TimeProvider.System);

        ImmutableArray<StoredLayer> folded = await LayerFold.FoldAsync(topFirst, flattener, null, ct);
        ImmutableArray<StoredLayer> another = await LayerFold.FoldAsync([Layer(1000), .. topFirst[1..]], flattener, null, ct);
        (ImmutableArray<string> directories, string refusal) = LayerStack.Build(cache, Digest.Of("c"u8), folded);
        string whole = await flattener.EnsureAsync(Digest.Of("whole"u8), [.. topFirst.Reverse()], ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refusal, Is.Empty);
            Assert.That(directories, Has.Length.LessThanOrEqualTo(LayerStack.MaxDirectories));
            Assert.That(another[^1].Tree, Is.EqualTo(folded[^1].Tree), "the lowest are the same, so the directory is");
            Assert.That(OverlayModel.List(directories), Is.EqualTo(TreeListing.Of(whole)));
        }
    }

    [Test]
    public void As_many_as_fit_stay_as_they_are()
    {
        ImmutableArray<Digest> ids = [.. Enumerable.Range(0, LayerStack.MaxLayers).Select(i => Digest.Of(BitConverter.GetBytes(i)))];
        Assert.That(LayerFold.Split(ids), Is.EqualTo((ids, (Digest?)null)));
    }

    [TestCase(40, 0)]
    [TestCase(166, 0)]
    [TestCase(167, 2)]
    [TestCase(520, 355)]
    public void Of_layers_in_CVMFS_so_many_are_fetched_that_the_rest_fits(int layers, int lowest)
    {
        ImmutableArray<Descriptor> blobs = [.. Enumerable.Range(0, layers).Select(i => new Descriptor(MediaTypes.OciLayerGzip, Digest.Of(BitConverter.GetBytes(i)), 1))];
        CvmfsLayers facts = new()
        {
            Layers = blobs,
            Config = new ImageConfig { Platform = new Platform("linux", "amd64"), DiffIds = [.. blobs.Select(b => b.Digest)] },
            ConfigDigest = blobs[0].Digest,
            Verification = Verification.Verified,
            Found = blobs.ToImmutableDictionary(b => b.Digest, b => new CvmfsLayer("r", $"/cvmfs/r/{b.Digest.Hex}", 1)),
        };
        bool fits = HybridParts.Directories(HybridParts.Choose(facts, [])) <= HybridStack.MaxDirectories;

        (CvmfsLayers folded, int count) = fits ? (facts, 0) : HybridParts.Fold(facts, HybridStack.MaxDirectories);

        ImmutableArray<HybridPart> parts = HybridParts.Choose(folded, []);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(count, Is.EqualTo(lowest));
            Assert.That(parts.Take(count), Is.All.InstanceOf<HybridPart.Stored>());
            Assert.That(HybridParts.Directories(parts.Skip(count)) + (count > 0 ? 2 : 0), Is.LessThanOrEqualTo(HybridStack.MaxDirectories));
        }
    }

    /// <summary>Each has a file of its own, removes that of the layer two below, and replaces a common one.</summary>
    private static StoredLayer Layer(int number)
    {
        TarBuilder tar = new TarBuilder().Dir("d").File($"d/{number}", "own").File("common", $"{number}");
        if (number >= 2)
        {
            tar = tar.Whiteout($"d/{number - 2}");
        }

        (string path, LayerIndex index) = TreeListing.Extract(tar.Build());
        return new StoredLayer(Digest.Of(BitConverter.GetBytes(number)), path, index, WasCached: true);
    }
}
