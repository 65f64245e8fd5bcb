using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Strategies;
using GridWrapper.Tests.Layers;
using GridWrapper.Tests.Probing;
using GridWrapper.Tests.Registries;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Strategies;

[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LayeredStrategyTests
{
    [TestCase(RootfsForm.Stack)]
    [TestCase(RootfsForm.Tree)]
    public async Task What_is_made_is_what_was_predicted(RootfsForm form, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        IRootfsStrategy strategy = Strategy("registry");

        Rootfs predicted = strategy.Predict(input, form);
        Rootfs made = await strategy.MaterialiseAsync(input, form, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(made.LowerDirectories, Is.EqualTo(predicted.LowerDirectories));
            Assert.That(made.Form, Is.EqualTo(form));
            Assert.That(made.UserXattr, Is.EqualTo(form == RootfsForm.Stack).And.EqualTo(predicted.UserXattr));
            Assert.That(made.Layers.Select(l => l.Source), Is.EqualTo(new[] { "registry", "registry" }));
            Assert.That(made.Transfer.Requests, Is.EqualTo(2));
            Assert.That(made.Transfer.BytesFetched, Is.EqualTo(image.Layers.Sum(l => l.Length)));
            Assert.That(form == RootfsForm.Tree ? TreeListing.Of(made.LowerDirectories[0]) : OverlayModel.List(made.LowerDirectories), Is.EqualTo(new[] { "bin/ 755", "bin/sh 755 shell", "new 644 n" }));
        }
    }

    [Test]
    public async Task A_second_time_nothing_is_fetched_and_the_verdict_knows_it(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        IRootfsStrategy strategy = Strategy("registry");
        await strategy.MaterialiseAsync(input, RootfsForm.Stack, ct);
        PlanInput later = input with
        {
            Image = input.Image with { CachedLayers = LayerStore.FindCached(new CacheDirectory(input.CacheDirectory), TestImage.Small().Tars.Select(t => Digest.Of(t))) },
        };

        var verdict = (Verdict.Usable)strategy.Judge(later, RootfsForm.Stack);
        Rootfs made = await strategy.MaterialiseAsync(later, RootfsForm.Stack, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdict.Cost.Bytes, Is.Zero);
            Assert.That(verdict.Cost.Requests, Is.Zero);
            Assert.That(made.Transfer.Requests, Is.Zero);
            Assert.That(made.Transfer.BytesFromCache, Is.EqualTo(TestImage.Small().Layers.Sum(l => l.Length)));
            Assert.That(made.Layers.Select(l => l.Source), Is.All.EqualTo("cache"));
            Assert.That(strategy.Predict(later, RootfsForm.Stack).Layers, Is.EqualTo(made.Layers));
        }
    }

    private static IEnumerable<TestCaseData> BlobFaults()
    {
        static TestCaseData Case(string name, Blame blame, string text, Func<byte[], Answer> answer) => new TestCaseData(blame, text, answer).SetName("Blob_" + name);
        yield return Case("missing", Blame.Registry, "404", _ => new Answer { Status = 404 });
        yield return Case("truncated", Blame.Registry, "broke", b => new Answer { Body = b[..^10], Length = b.Length });
        yield return Case("truncated_without_length", Blame.Registry, "only", b => new Answer { Body = b[..^10], Length = -1 });
        yield return Case("too_long_without_length", Blame.Registry, "more than", b => new Answer { Body = [.. b, 1], Length = -1 });
        yield return Case("too_long", Blame.Registry, "promises", b => new Answer { Body = [.. b, 1] });
        yield return Case("wrong_bit", Blame.Registry, "wrong bytes", b => new Answer { Body = [.. b[..^9], (byte)(b[^9] ^ 4), .. b[^8..]] });
        yield return Case("web_page", Blame.Registry, "text/html", _ => new Answer { Body = "<html/>"u8.ToArray(), Headers = { ["Content-Type"] = "text/html" } });
        yield return Case("stalled", Blame.Registry, "sent nothing", b => new Answer { Body = b, StallAfter = 20 });
    }

    [TestCaseSource(nameof(BlobFaults))]
    public async Task A_blob_that_goes_wrong_leaves_nothing(Blame blame, string text, Func<byte[], Answer> answer, CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage image = TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);
        registry.Special[$"/v2/{TestImage.Repository}/blobs/{Digest.Of(image.Layers[0])}"] = _ => answer(image.Layers[0]);

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => Strategy("registry").MaterialiseAsync(input, RootfsForm.Stack, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.Blame, Is.EqualTo(blame), fault.Message);
            Assert.That(fault.Message, Does.Contain(text).And.Contain(Digest.Of(image.Layers[0]).ToString()));
            Assert.That(fault.Failure.Phase, Is.EqualTo(Phase.Materialise));
            Assert.That(input.Image.Resolved.IsKnown(out ResolvedImage resolved), Is.True);
            Assert.That(new CacheDirectory(input.CacheDirectory).LayerDirectory(resolved.Config.DiffIds[0]), Does.Not.Exist, "others, fetched at the same time, may be there");
            Assert.That(Directory.GetFileSystemEntries(input.CacheDirectory + "/store-1/tmp"), Is.Empty);
        }
    }

    [Test]
    public async Task Two_jobs_at_once_download_each_blob_once(CancellationToken ct)
    {
        await using var registry = new FakeRegistry();
        TestImage.Small().PutInto(registry);
        PlanInput input = await InputAsync(registry, ct);

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Strategy("registry").MaterialiseAsync(input, RootfsForm.Tree, ct)));

        Assert.That(registry.CountOf("/blobs/"), Is.EqualTo(1 + 2), "one configuration, two layers");
    }

    [Test]
    public async Task A_layout_is_made_by_the_local_strategy(CancellationToken ct)
    {
        string path = TreeListing.NewDirectory();
        TestImage image = TestImage.Small();
        LocalImagesTests.WriteLayout(path, ("v1", image));
        var reference = new ImageReference.OciLayout(path, "v1");
        LocalImage local = await LocalImages.ResolveAsync(reference, TestImage.Site, TestImage.Node, ct);
        PlanInput input = Input(reference, local.Image);

        Rootfs made = await Strategy("local").MaterialiseAsync(input, RootfsForm.Tree, ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Strategy("local").Judge(input, RootfsForm.Tree), Is.InstanceOf<Verdict.Usable>());
            Assert.That(Strategy("registry").Judge(input, RootfsForm.Tree), Is.InstanceOf<Verdict.Refused>().With.Property("NotApplicable").True);
            Assert.That(made.Layers.Select(l => l.Source), Is.All.EqualTo("local"));
            Assert.That(TreeListing.Of(made.LowerDirectories.Single()), Is.EqualTo(new[] { "bin/ 755", "bin/sh 755 shell", "new 644 n" }));
        }
    }

    private static readonly ImageReference.InRegistry SomeImage = new("docker.io", "a/b", "1", null);

    private static IEnumerable<TestCaseData> Refusals()
    {
        ResolvedImage plain = Resolved(MediaTypes.OciLayerGzip, 1_000_000);
        PlanInput known = Input(SomeImage, plain);
        static TestCaseData Case(string name, PlanInput input, RootfsForm form, string reason, Blame blame, int code) => new TestCaseData(input, form, reason, blame, code).SetName("Refusal_" + name);
        yield return Case("unresolved", known with { Image = new ImageFacts { Reference = SomeImage, Resolved = new Fact<ResolvedImage>.Unknown("no route") } }, RootfsForm.Tree, "no route", Blame.Registry, PilotError.ContainerGeneralFailure);
        yield return Case(
            "resolve_failure",
            known with
            {
                Image = new ImageFacts
                {
                    Reference = SomeImage,
                    ResolveFailure = new Failure { Blame = Blame.User, Phase = Phase.Resolve, Step = "fetch-manifest", PilotErrorCode = PilotError.ImageNotFound, Message = "no such tag" },
                },
            },
            RootfsForm.Tree,
            "no such tag",
            Blame.User,
            PilotError.ImageNotFound);
        yield return Case("zstd", Input(SomeImage, Resolved(MediaTypes.OciLayerZstd, 5)) with { Host = known.Host with { Zstd = new Fact<string>.Absent("not found") } }, RootfsForm.Tree, "libzstd", Blame.Site, PilotError.ContainerGeneralFailure);
        yield return Case("foreign", Input(SomeImage, Foreign("https://layers.example.org/a")), RootfsForm.Tree, "registries.foreignLayers", Blame.Image, PilotError.ContainerImageMountFailure);
        yield return Case("foreign_without_tls", Naming(Input(SomeImage, Foreign("http://layers.example.org/a")), "layers.example.org"), RootfsForm.Tree, "layers.example.org", Blame.Image, PilotError.ContainerImageMountFailure);
        yield return Case("space", known with { Host = known.Host with { Space = [new SpaceFacts("cache", "/c", 3_400_000, 100, "ext4")] } }, RootfsForm.Tree, "free", Blame.Site, PilotError.NoLocalSpace);
        yield return Case("inodes", known with { Host = known.Host with { Space = [new SpaceFacts("cache", "/c", 1_000_000_000, 30, "ext4")] } }, RootfsForm.Tree, "30 inodes free", Blame.Site, PilotError.NoLocalSpace);
        yield return Case("userxattr", known with { Host = known.Host with { Namespaces = new Fact<NamespaceFacts>.Known(NoUserXattr) } }, RootfsForm.Stack, "userxattr", Blame.Site, PilotError.ContainerGeneralFailure);
    }

    [TestCaseSource(nameof(Refusals))]
    public void A_fact_that_refuses_is_the_reason(PlanInput input, RootfsForm form, string reason, Blame blame, int code)
    {
        var verdict = (Verdict.Refused)Strategy("registry").Judge(input, form);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdict.Reason, Does.Contain(reason));
            Assert.That(verdict.Blame, Is.EqualTo(blame));
            Assert.That(verdict.PilotErrorCode, Is.EqualTo(code));
            Assert.That(verdict.NotApplicable, Is.False);
        }
    }

    [Test]
    public void A_foreign_layer_is_no_reason_where_the_site_names_its_host_or_the_registry_has_it()
    {
        PlanInput named = Naming(Input(SomeImage, Foreign("https://elsewhere.example.org/a", "https://layers.example.org/a")), "layers.example.org");
        PlanInput without = Input(SomeImage, Resolved(MediaTypes.OciForeignLayerGzip, 5));
        Assert.That(((PlanInput[])[named, without]).Select(input => Strategy("registry").Judge(input, RootfsForm.Tree)), Is.All.InstanceOf<Verdict.Usable>());
    }

    private static PlanInput Naming(PlanInput input, string host) => input with { Site = input.Site with { Registries = input.Site.Registries with { ForeignLayers = [host] } } };

    private static ResolvedImage Foreign(params string[] urls)
    {
        ResolvedImage image = Resolved(MediaTypes.DockerForeignLayerGzip, 5);
        return image with { Manifest = image.Manifest with { Layers = [image.Manifest.Layers[0] with { Urls = [.. urls] }] } };
    }

    [Test]
    public void Enough_space_and_an_unknown_zstd_are_no_reason_to_refuse()
    {
        PlanInput input = Input(SomeImage, Resolved(MediaTypes.OciLayerZstd, 1_000_000));
        input = input with { Host = input.Host with { Space = [new SpaceFacts("cache", "/c", 3_600_000, 100, "ext4")] } };

        var verdict = (Verdict.Usable)Strategy("registry").Judge(input, RootfsForm.Stack);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdict.Cost.Bytes, Is.EqualTo(1_000_000));
            Assert.That(verdict.Cost.Seconds, Is.Positive);
        }
    }

    [Test]
    public void What_can_be_removed_from_the_cache_counts_as_free()
    {
        PlanInput input = Input(SomeImage, Resolved(MediaTypes.OciLayerZstd, 1_000_000));
        input = input with { Host = input.Host with { Space = [new SpaceFacts("cache", "/c", 1_000_000, 10, "ext4")] } };

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Strategy("registry").Judge(input, RootfsForm.Stack), Is.TypeOf<Verdict.Refused>());
            Assert.That(Strategy("registry").Judge(input with { RemovableBytes = 3_000_000, RemovableEntries = 30 }, RootfsForm.Stack), Is.TypeOf<Verdict.Usable>());
        }
    }

    [TestCase(498, 499)]
    [TestCase(499, 251)]
    [TestCase(520, 251)]
    public void Of_more_layers_than_the_kernel_stacks_the_lowest_are_put_together(int layers, int directories)
    {
        ImmutableArray<Digest> ids = [.. Enumerable.Range(0, layers).Select(i => Digest.Of(BitConverter.GetBytes(i)))];

        Rootfs rootfs = Strategy("registry").Predict(Input(SomeImage, Resolved(ids)), RootfsForm.Stack);

        Assert.That((rootfs.Form, rootfs.LowerDirectories.Length), Is.EqualTo((RootfsForm.Stack, directories)));
    }

    [Test]
    public void A_layer_that_occurs_twice_is_stacked_once_at_its_topmost_place()
    {
        Digest a = Digest.Of("a"u8);
        Digest b = Digest.Of("b"u8);

        Rootfs rootfs = Strategy("registry").Predict(Input(SomeImage, Resolved([a, b, a])), RootfsForm.Stack);

        Assert.That(rootfs.LowerDirectories.Select(d => d.Split('/')[^2]).SkipLast(1), Is.EqualTo(new[] { a.Hex, b.Hex }));
    }

    private static readonly NamespaceFacts NoUserXattr = new()
    {
        UserNamespace = StepResult.Ok,
        Bind = StepResult.Ok,
        Overlay = StepResult.Ok,
        OverlayUserXattr = new StepResult(false, "EINVAL", "mount failed"),
        FreshProc = StepResult.Ok,
        Pivot = StepResult.Ok,
    };

    private static IRootfsStrategy Strategy(string name) => StrategyCatalog.Create(TestImage.Clients(), new InProcessChildren(), TimeProvider.System).Single(s => s.Name == name);

    private static async Task<PlanInput> InputAsync(FakeRegistry registry, CancellationToken ct)
    {
        PlanInput input = Input(TestImage.Reference(registry), await TestImage.ResolveAsync(registry, ct));
        return input with { Site = input.Site with { Registries = input.Site.Registries with { StallSeconds = 0.5 } } };
    }

    private static PlanInput Input(ImageReference reference, ResolvedImage image) => new()
    {
        Site = TestImage.Site,
        Host = new HostFacts { Node = TestImage.Node },
        Image = new ImageFacts { Reference = reference, Resolved = new Fact<ResolvedImage>.Known(image) },
        CacheDirectory = TreeListing.NewDirectory() + "/cache",
    };

    private static ResolvedImage Resolved(string mediaType, long size) => Resolved([Digest.Of("diff"u8)], mediaType, size);

    private static ResolvedImage Resolved(ImmutableArray<Digest> diffIds, string mediaType = MediaTypes.OciLayerGzip, long size = 10)
    {
        Digest config = Digest.Of("config"u8);
        return new ResolvedImage(
            new ImageManifest
            {
                Digest = Digest.Of("manifest"u8),
                MediaType = MediaTypes.OciManifest,
                Config = new Descriptor(MediaTypes.OciConfig, config, 5),
                Layers = [.. diffIds.Select(d => new Descriptor(mediaType, d, size))],
            },
            new ImageConfig { Digest = config, Platform = new Platform("linux", "amd64"), DiffIds = diffIds });
    }
}
