using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;
using GridWrapper.Strategies;
using GridWrapper.Tests.Layers;
using GridWrapper.Tests.Probing;
using GridWrapper.Tests.Registries;

namespace GridWrapper.Tests.Strategies;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class ServedStrategyTests
{
    private static readonly Fact<string> Open = new Fact<string>.Known("/dev/fuse");

    [Test]
    public async Task Packed_layers_are_a_tree_that_can_be_looked_into_and_are_fetched_once(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        IRootfsStrategy strategy = Strategy("packed");
        var verdict = (Verdict.Usable)strategy.Judge(input, RootfsForm.Stack);

        Rootfs made = await strategy.MaterialiseAsync(input, RootfsForm.Stack, ct);
        await using ServedRoot served = made.Served!;
        using TreeLayer tree = made.Tree!;
        PlanInput later = input with
        {
            Image = input.Image with { PackedLayers = PackedStore.FindCached(new CacheDirectory(input.CacheDirectory), TestImage.Small().Tars.Select(t => Digest.Of(t))) },
        };
        Rootfs again = await Strategy("packed").MaterialiseAsync(later, RootfsForm.Stack, ct);
        await using ServedRoot second = again.Served!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That((verdict.Cost.Bytes, verdict.Cost.Requests, verdict.Cost.Files), Is.EqualTo((image.Layers.Sum(l => l.Length), 2, 6)));
            Assert.That((made.IsServed, made.LowerDirectories, made.Visible), Is.EqualTo((true, strategy.Predict(input, RootfsForm.Stack).LowerDirectories, ImmutableArray<string>.Empty)));
            Assert.That((tree.Read("bin/sh", 100, out byte[] content), Encoding.UTF8.GetString(content)), Is.EqualTo((0, "shell")));
            Assert.That((tree.Status("nothing", out _), tree.Status("bin/sh/x", out _), tree.Read("bin", 1, out _)), Is.EqualTo((2, 20, 21)));
            Assert.That((made.Transfer.Requests, made.Transfer.FilesMade), Is.EqualTo((2, 6L)));
            Assert.That(((Verdict.Usable)strategy.Judge(later, RootfsForm.Stack)).Cost.Bytes, Is.Zero);
            Assert.That((again.Transfer.Requests, again.Transfer.BytesFromCache), Is.EqualTo((0, image.Layers.Sum(l => (long)l.Length))));
        }
    }

    [Test]
    public async Task A_node_without_the_device_is_refused_by_both(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        PlanInput closed = input with { Host = input.Host with { FuseDevice = new Fact<string>.Absent("opening /dev/fuse: EACCES") } };
        Assert.That(Strategy("packed").Judge(closed, RootfsForm.Stack), Is.InstanceOf<Verdict.Refused>().With.Property("Retryable").True.And.Property("Reason").Contains("EACCES"));
    }

    [Test]
    public async Task A_writable_root_needs_overlays_and_a_read_only_one_does_not(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        input = input with { Host = input.Host with { Namespaces = new Fact<NamespaceFacts>.Known(Namespaces(new StepResult(false, "EPERM", "mount: EPERM"))) } };
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Strategy("packed").Judge(input, RootfsForm.Tree), Is.InstanceOf<Verdict.Usable>());
            Assert.That(Strategy("packed").Judge(input with { Writable = true }, RootfsForm.Tree), Is.InstanceOf<Verdict.Refused>().With.Property("Reason").Contains("without --writable"));
        }
    }

    [Test]
    public async Task An_image_without_tables_of_contents_is_nothing_for_lazy(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        Assert.That(Strategy("lazy").Judge(input, RootfsForm.Stack), Is.InstanceOf<Verdict.Refused>().With.Property("NotApplicable").True.And.Property("Reason").Contains("vouches for no table"));
    }

    [Test]
    public async Task A_table_that_the_manifest_vouches_for_makes_an_image_lazy_and_cheap(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        _ = input.Image.Resolved.IsKnown(out ResolvedImage image);
        ImageManifest manifest = image.Manifest with
        {
            Layers = [.. image.Manifest.Layers.Select(layer => layer with
            {
                SizeBytes = 900_000_000,
                MediaType = MediaTypes.OciLayerGzip,
                Annotations = ImmutableDictionary<string, string>.Empty.Add(LazyFormat.TocDigestAnnotation, Digest.Of("toc"u8).ToString()),
            })],
        };
        PlanInput large = input with { Image = input.Image with { Resolved = new Fact<ResolvedImage>.Known(image with { Manifest = manifest }) } };
        var lazy = (Verdict.Usable)Strategy("lazy").Judge(large, RootfsForm.Stack);
        var packed = (Verdict.Usable)Strategy("packed").Judge(large, RootfsForm.Stack);
        Assert.That(lazy.Cost.Seconds, Is.LessThan(packed.Cost.Seconds / 4), lazy.Reason);
    }

    private static NamespaceFacts Namespaces(StepResult overlay) => new()
    {
        UserNamespace = StepResult.Ok,
        Bind = StepResult.Ok,
        Overlay = overlay,
        OverlayUserXattr = overlay,
        FreshProc = StepResult.Ok,
        Pivot = StepResult.Ok,
    };

    private static IRootfsStrategy Strategy(string name) => StrategyCatalog.Create(TestImage.Clients(), new InProcessChildren(), TimeProvider.System).Single(s => s.Name == name);

    private static async Task<PlanInput> InputAsync(FakeRegistry registry, CancellationToken ct) => new()
    {
        Site = TestImage.Site,
        Host = new HostFacts { Node = TestImage.Node, FuseDevice = Open },
        Image = new ImageFacts { Reference = TestImage.Reference(registry), Resolved = new Fact<ResolvedImage>.Known(await TestImage.ResolveAsync(registry, ct)) },
        CacheDirectory = TreeListing.NewDirectory() + "/cache",
    };
}
