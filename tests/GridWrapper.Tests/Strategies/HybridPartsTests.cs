using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using GridWrapper.Tests.Probing;
using GridWrapper.Tests.Registries;

namespace GridWrapper.Tests.Strategies;

/// <summary>Where each layer comes from, and which facts refuse the whole.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class HybridPartsTests
{
    private const string Repository = "unpacked.test";

    /// <summary>One letter a layer: c cached, v in CVMFS, m missing; digits before are the length of a chain, letters repeat a layer by its number.</summary>
    [TestCase("vvv", 0, "v0 v1 v2")]
    [TestCase("mvm", 0, "m0 v1 m2")]
    [TestCase("cvm", 0, "c0 v1 m2")]
    [TestCase("vvv", 2, "chain2 v2")]
    [TestCase("mmm", 3, "chain3")]
    [TestCase("ccv", 2, "c0 c1 v2")]
    [TestCase("cmv", 2, "chain2 v2")]
    public void Own_disk_before_CVMFS_before_the_registry(string where, int chain, string expected)
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts(where, chain);

        Assert.That(Text(HybridParts.Choose(facts, cached), facts), Is.EqualTo(expected));
    }

    /// <summary>The same where this node serves: p lies packed in the cache.</summary>
    [TestCase("vpm", 0, "v0 p1 P2")]
    [TestCase("cpvm", 0, "c0 p1 v2 P3")]
    [TestCase("cpv", 2, "c0 p1 v2")]
    [TestCase("pmv", 2, "chain2 v2")]
    public void Where_the_node_serves_nothing_is_unpacked(string where, int chain, string expected)
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts(where, chain);

        ImmutableArray<HybridPart> parts = HybridParts.Choose(facts, cached, Packed(facts, where));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Text(parts, facts), Is.EqualTo(expected));
            Assert.That(HybridParts.Missing(parts), Is.Empty);
            Assert.That(HybridParts.MissingPacked(parts), Has.Length.EqualTo(expected.Count(c => c == 'P')));
            Assert.That(HybridParts.Origins(facts, parts, ImmutableDictionary<Digest, int>.Empty).Count(o => o.Packed), Is.EqualTo(expected.Count(c => c is 'p' or 'P')));
        }
    }

    [TestCase("cp", true)]
    [TestCase("pp", false)]
    [TestCase("cm", false)]
    [TestCase("pv", true)]
    public void What_another_way_has_without_a_mix_is_left_to_it(string where, bool mixed)
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts(where, 0);
        Assert.That(HybridParts.AreMixed(HybridParts.Choose(facts, cached, Packed(facts, where))), Is.EqualTo(mixed));
    }

    [Test]
    public void More_than_the_kernel_stacks_are_not_served()
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts(new string('m', 300), 0);
        Assert.That(HybridParts.Choose(facts, cached, []), Is.All.InstanceOf<HybridPart.Stored>());
    }

    [TestCase(true, "1 layers in CVMFS, 1 packed in the cache, served, 2 to be pulled, packed and served", 6)]
    [TestCase(false, "1 layers in CVMFS, 3 to be pulled", 0)]
    public void The_plan_tells_what_is_packed_and_what_it_costs(bool serves, string text, int files)
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts("vpmm", 0);
        PlanInput input = Input(new Fact<CvmfsLayers>.Known(facts), cached, "accept");
        input = input with
        {
            Host = input.Host with { FuseDevice = serves ? new Fact<string>.Known("/dev/fuse") : new Fact<string>.Absent("EACCES") },
            Image = input.Image with { PackedLayers = Packed(facts, "vpmm"), PackedBytesPerSecond = 1000 },
        };

        var verdict = (Verdict.Usable)Strategy().Judge(input, RootfsForm.Stack);
        Rootfs predicted = Strategy().Predict(input, RootfsForm.Stack);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdict.Reason, Is.EqualTo(text));
            Assert.That((verdict.Cost.Bytes, verdict.Cost.Files), Is.EqualTo((serves ? 2000 : 3000, files)));
            Assert.That(verdict.Cost.Seconds, serves ? Is.GreaterThan(2) : Is.LessThan(2), "two layers at the rate of packing");
            Assert.That((predicted.ServedAt, predicted.IsServed), Is.EqualTo((serves ? "/nonexistent/mount" : null, false)));
            Assert.That(predicted.LowerDirectories.Count(d => d.StartsWith("/nonexistent/mount/", StringComparison.Ordinal)), Is.EqualTo(serves ? 3 : 0));
            Assert.That(predicted.Visible.Count(d => d.StartsWith(TreeLayer.PackedPrefix + "/nonexistent/store-1/packed/", StringComparison.Ordinal)), Is.EqualTo(serves ? 3 : 0));
        }
    }

    [Test]
    public void Fuse_overlayfs_does_not_stack_served_layers()
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts("vm", 0);
        PlanInput input = Input(new Fact<CvmfsLayers>.Known(facts), cached, "accept");
        input = input with { Host = input.Host with { FuseDevice = new Fact<string>.Known("/dev/fuse") } };
        Assert.That(Strategy().Judge(input, RootfsForm.FuseStack).Reason, Does.EndWith("1 to be pulled"));
    }

    [Test]
    public void A_layer_that_occurs_twice_counts_where_it_is_on_top()
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts("vm", 0);
        CvmfsLayers twice = facts with { Layers = facts.Layers.Add(facts.Layers[0]), Config = facts.Config with { DiffIds = facts.Config.DiffIds.Add(facts.Config.DiffIds[0]) } };

        ImmutableArray<HybridPart> parts = HybridParts.Choose(twice, cached);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Text(parts, facts), Is.EqualTo("m1 v0"));
            Assert.That(HybridParts.Origins(twice, parts, ImmutableDictionary<Digest, int>.Empty).Select(o => o.Source), Is.EqualTo(new[] { "cvmfs", "registry", "cvmfs" }));
            Assert.That(HybridParts.Saved(HybridParts.Origins(twice, parts, ImmutableDictionary<Digest, int>.Empty)).BytesFromCvmfs, Is.EqualTo(1000));
        }
    }

    [TestCase("vvm", RootfsForm.Stack, "accept", true, "2 layers in CVMFS, 1 to be pulled")]
    [TestCase("vvm", RootfsForm.Tree, "accept", false, "stacked")]
    [TestCase("vvm", RootfsForm.Stack, "refuse", false, "copies")]
    [TestCase("ccc", RootfsForm.Stack, "accept", false, "in the cache")]
    public void The_verdict_names_its_fact(string where, RootfsForm form, string copies, bool usable, string text)
    {
        (CvmfsLayers facts, ImmutableHashSet<Digest> cached) = Facts(where, 0);
        PlanInput input = Input(new Fact<CvmfsLayers>.Known(facts), cached, copies);

        Verdict verdict = Strategy().Judge(input, form);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdict is Verdict.Usable, Is.EqualTo(usable), verdict.Reason);
            Assert.That(verdict.Reason, Does.Contain(text));
            Assert.That((verdict as Verdict.Usable)?.Cost.Bytes ?? 1000, Is.EqualTo(1000), "one layer has to be fetched");
        }
    }

    [Test]
    public void Without_the_registry_a_missing_layer_refuses_and_the_profile_may_refuse_it_all()
    {
        (CvmfsLayers facts, _) = Facts("vv", 0);
        PlanInput input = Input(new Fact<CvmfsLayers>.Known(facts with { Verification = Verification.Unverified }), [], "accept");
        (CvmfsLayers less, _) = Facts("vm", 0);
        PlanInput missing = Input(new Fact<CvmfsLayers>.Known(less with { Verification = Verification.Unverified }), [], "accept");
        PlanInput strict = input with { Site = input.Site with { Cvmfs = input.Site.Cvmfs with { UnverifiedImages = "refuse" } } };

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Strategy().Judge(input, RootfsForm.Stack), Is.InstanceOf<Verdict.Usable>());
            Assert.That(Strategy().Judge(missing, RootfsForm.Stack).Reason, Does.Contain("1 of 2 layers are not in CVMFS"));
            Assert.That(Strategy().Judge(strict, RootfsForm.Stack).Reason, Does.Contain("cvmfs.unverifiedImages"));
        }
    }

    /// <summary>A layer counts only with the metadata that its publisher writes last; chains only if they are not being written.</summary>
    [TestCase("whole", 2, 2)]
    [TestCase("no-metadata", 1, 2)]
    [TestCase("other-diffid", 1, 2)]
    [TestCase("truncated-metadata", 1, 2)]
    [TestCase("no-layerfs", 1, 2)]
    [TestCase("dirty-chain", 2, 1)]
    [TestCase("no-chains", 2, 0)]
    public async Task Half_published_layers_do_not_count(string state, int found, int chain)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Repository);
        FakeImage image = tree.Publish(new FakeImage { Layers = [FakeLayer.Base(), FakeLayer.Changes()] }, chains: state != "no-chains");
        Digest blob = image.Layers[1].BlobDigest;
        string layer = $"{tree.Top}/.layers/{blob.Hex[..2]}/{blob.Hex}";
        switch (state)
        {
            case "no-metadata":
                File.Delete(layer + "/.metadata/layers.json");
                break;
            case "other-diffid" or "truncated-metadata":
                string text = await File.ReadAllTextAsync(layer + "/.metadata/layers.json");
                await File.WriteAllTextAsync(layer + "/.metadata/layers.json", state == "other-diffid" ? text.Replace(image.Layers[1].DiffId.Hex, image.Layers[0].DiffId.Hex) : text[..20]);
                break;
            case "no-layerfs":
                Directory.Delete(layer + "/layerfs", recursive: true);
                break;
            case "dirty-chain":
                tree.Write($".dirty-chains/{LayerCheck.ChainIds(image.Layers.Select(l => l.BlobDigest.Hex))[1]}", "");
                break;
        }

        Fact<CvmfsLayers> fact = await FindAsync(tree, image);

        Assert.That(fact.IsKnown(out CvmfsLayers layers), fact.Why);
        Assert.That((layers.Found.Count, layers.Chain?.Count ?? 0), Is.EqualTo((found, chain)), string.Join("; ", layers.Notes));
    }

    private static async Task<Fact<CvmfsLayers>> FindAsync(FakeCvmfsTree tree, FakeImage image)
    {
        SiteProfile site = new() { Name = "test", Cvmfs = new CvmfsPolicy { Root = tree.Root, ImageRepositories = [Repository], Copies = "accept" } };
        InProcessChildren children = new();
        CvmfsFacts facts = await new CvmfsProbe(children).ProbeAsync(site.Cvmfs, site.Cvmfs.ImageRepositories, CancellationToken.None);
        ResolvedImage resolved = new(image.Manifest, new ImageConfig { Platform = new Platform("linux", "amd64"), DiffIds = [.. image.Layers.Select(l => l.DiffId)] });
        return await new CvmfsLayerProbe(children).FindAsync(
            new ImageReference.InRegistry("docker.io", "library/demo", "1", null), new Fact<ResolvedImage>.Known(resolved), facts, new ImageSearch(site, new Platform("linux", "amd64")), CancellationToken.None);
    }

    private static CvmfsLayersStrategy Strategy() => new(TestImage.Clients(), new InProcessChildren(), TimeProvider.System);

    private static (CvmfsLayers Facts, ImmutableHashSet<Digest> Cached) Facts(string where, int chain)
    {
        Descriptor[] layers = [.. where.Select((_, i) => new Descriptor(MediaTypes.OciLayerGzip, Digest.Of(BitConverter.GetBytes(i)), 1000))];
        Digest[] diffIds = [.. where.Select((_, i) => Digest.Of(BitConverter.GetBytes(100 + i)))];
        CvmfsLayers facts = new()
        {
            Layers = [.. layers],
            Config = new ImageConfig { Platform = new Platform("linux", "amd64"), DiffIds = [.. diffIds] },
            ConfigDigest = Digest.Of("config"u8),
            Verification = Verification.Verified,
            Found = layers.Where((_, i) => where[i] == 'v').ToImmutableDictionary(l => l.Digest, l => new CvmfsLayer(Repository, "/cvmfs/" + l.Digest.Hex, null)),
            Chain = chain == 0 ? null : new CvmfsChain(chain, Repository, "/cvmfs/chain"),
        };
        return (facts, [.. diffIds.Where((_, i) => where[i] == 'c')]);
    }

    private static ImmutableHashSet<Digest> Packed(CvmfsLayers facts, string where) => [.. facts.Config.DiffIds.Where((_, i) => where[i] == 'p')];

    private static string Text(ImmutableArray<HybridPart> parts, CvmfsLayers facts) => string.Join(' ', parts.Select(p => p switch
    {
        HybridPart.Chain c => $"chain{c.Layers.Count}",
        HybridPart.InCvmfs v => $"v{facts.Layers.IndexOf(v.Blob)}",
        HybridPart.Packed k => $"{(k.Cached ? 'p' : 'P')}{facts.Layers.IndexOf(k.Blob)}",
        HybridPart.Stored s => $"{(s.Cached ? 'c' : 'm')}{facts.Layers.IndexOf(s.Blob)}",
        _ => "?",
    }));

    private static PlanInput Input(Fact<CvmfsLayers> layers, ImmutableHashSet<Digest> cached, string copies) => new()
    {
        Site = new SiteProfile { Name = "test", Cvmfs = new CvmfsPolicy { ImageRepositories = [Repository], Copies = copies } },
        Host = new HostFacts
        {
            Node = TestImage.Node,
            Cvmfs = new Fact<CvmfsFacts>.Known(new CvmfsFacts
            {
                Root = "/cvmfs",
                Repositories = [new CvmfsRepositoryFacts { Name = Repository, Path = "/cvmfs/" + Repository, State = CvmfsState.Copy, Detail = "as seen", Seconds = 0 }],
            }),
        },
        Image = new ImageFacts { Reference = new ImageReference.InRegistry("docker.io", "library/demo", "1", null), CvmfsLayers = layers, CachedLayers = cached },
        CacheDirectory = "/nonexistent",
    };
}
