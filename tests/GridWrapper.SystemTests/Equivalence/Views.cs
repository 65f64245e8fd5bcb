using System.Runtime.Versioning;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using GridWrapper.SystemTests.EndToEnd;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.SystemTests.Equivalence;

/// <summary>The ways of looking at one stack of layers, each ending in a listing of the tree that a payload sees.</summary>
[SupportedOSPlatform("linux")]
internal sealed class Views : IDisposable
{
    private const string Repository = "unpacked.test";

    /// <summary>What the launcher puts into every root.</summary>
    private static readonly string[] OfTheLauncher = ["dev", "etc", "proc", "sys", "tmp", "var", "treelist", "work"];

    private readonly StackFiles _files;
    private readonly string _lister;
    private readonly string _base = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "scratch", "stack-" + Guid.NewGuid().ToString("N"))).FullName;

    internal Views(StackFiles files, string lister) => (_files, _lister) = (files, lister);

    internal string CvmfsTop => Path.Combine(_base, "cvmfs", Repository);

    /// <summary>What the last hybrid root took from where.</summary>
    internal ImmutableArray<LayerOrigin> Origins { get; private set; } = [];

    public void Dispose() => Linux.TreeRemover.Remove(_base);

    internal static string BuildLister()
    {
        string program = Path.Combine(TestContext.CurrentContext.WorkDirectory, "treelist");
        Tool.Run("/usr/bin/gcc", "-O1", "-static", "-o", program, Tests.Documentation.Repository.PathOf("tests/testbed/treelist.c"));
        return program;
    }

    /// <summary>All layers pulled, stacked (or whatever the corner cases force).</summary>
    internal Task<string[]> RegistryAsync(CancellationToken ct) => PulledAsync(RootfsForm.Stack, ct);

    /// <summary>All layers pulled, and stacked by fuse-overlayfs.</summary>
    internal Task<string[]> FuseAsync(CancellationToken ct) => PulledAsync(RootfsForm.FuseStack, ct);

    /// <summary>All layers pulled and put together in one directory.</summary>
    internal Task<string[]> FlattenedAsync(CancellationToken ct) => PulledAsync(RootfsForm.Tree, ct);

    internal async Task<string[]> UmociAsync()
    {
        string layout = Path.Combine(_base, "layout");
        _files.WriteLayout(layout, "t");
        string bundle = Path.Combine(_base, "bundle");
        await Tool.RunAsync("/usr/bin/umoci", "unpack", "--rootless", "--image", layout + ":t", bundle);
        return await ListAsync(bundle + "/rootfs");
    }

    /// <summary>All layers packed, put together in memory, and read from their archives.</summary>
    internal Task<string[]> PackedAsync(CancellationToken ct) => PackedAsync(KeptAs.Inflated, ct);

    /// <summary>The same, and read from the gzip blobs that the archives came in.</summary>
    internal Task<string[]> CompressedAsync(CancellationToken ct) => PackedAsync(KeptAs.Compressed, ct);

    private async Task<string[]> PackedAsync(KeptAs form, CancellationToken ct)
    {
        CacheDirectory cache = Cache("packed-" + form);
        cache.Prepare();
        ImmutableArray<ImageLayer> layers = [.. _files.Descriptors.Zip(_files.DiffIds, (blob, diffId) => new ImageLayer(blob, diffId))];
        IReadOnlyDictionary<Digest, PackedLayer> packed = await new PackedStore(cache, TimeProvider.System) { Form = form }.EnsureAllAsync(layers, new Blobs(_files), ct);
        using ServedRoot root = PackedRoot.Make(_files.ConfigDigest, layers.Select(layer => packed[layer.DiffId]));
        return TableLines.Of(root, [.. OfTheLauncher]);
    }

    /// <summary>Some layers in CVMFS, the first <paramref name="chain"/> of them as a chain, the rest pulled.</summary>
    internal async Task<string[]> HybridAsync(ImmutableArray<int> inCvmfs, int chain, CancellationToken ct, RootfsForm form = RootfsForm.Stack)
    {
        Directory.CreateDirectory(CvmfsTop);
        foreach (int index in inCvmfs)
        {
            _files.PublishLayer(CvmfsTop, index);
        }

        if (chain > 0)
        {
            await PublishChainAsync(chain, ct);
        }

        InProcess children = new();
        CvmfsLayers facts = await FactsAsync(children, ct);
        HybridAssembly.Context context = new(Cache("hybrid"), children, Policy, TimeProvider.System) { Form = form, Blobs = new Blobs(_files) };
        Rootfs rootfs = await new HybridAssembly(context).MakeAsync(facts, ct);
        Origins = rootfs.Layers;
        return await LaunchAsync(rootfs, form, ct);
    }

    /// <summary>Each layer where chance has put it: in CVMFS, unpacked in the cache, packed in the cache, or in the registry, from where it comes packed. Stacked by the kernel over what this process serves.</summary>
    /// <param name="places">For each layer, base first: 0 for CVMFS, 1 for unpacked, 2 for packed (every other one compressed), 3 for the registry.</param>
    internal async Task<string[]> MixedAsync(ImmutableArray<int> places, CancellationToken ct)
    {
        Directory.CreateDirectory(CvmfsTop);
        CacheDirectory cache = Cache("mixed");
        cache.Prepare();
        for (int index = 0; index < places.Length; index++)
        {
            switch (places[index])
            {
                case 0:
                    _files.PublishLayer(CvmfsTop, index);
                    break;
                case 1:
                    await new LayerStore(cache, TimeProvider.System).EnsureAsync(_files.Descriptors[index], _files.DiffIds[index], new Blobs(_files), ct);
                    break;
                case 2:
                    await new PackedStore(cache, TimeProvider.System) { Form = index % 2 == 0 ? KeptAs.Inflated : KeptAs.Compressed }.EnsureAsync(_files.Descriptors[index], _files.DiffIds[index], new Blobs(_files), ct);
                    break;
            }
        }

        InProcess children = new();
        CvmfsLayers facts = await FactsAsync(children, ct);
        HybridAssembly.Context context = new(cache, children, Policy, TimeProvider.System) { Form = RootfsForm.Stack, Blobs = new Blobs(_files), CanServe = true };
        Rootfs rootfs = await new HybridAssembly(context).MakeAsync(facts, ct);
        await using ServedRoot? served = rootfs.Served;
        Origins = rootfs.Layers;
        return await LaunchAsync(rootfs, RootfsForm.Stack, ct);
    }

    private CvmfsPolicy Policy => new() { Root = Path.Combine(_base, "cvmfs"), ImageRepositories = [Repository], Copies = "accept" };

    private ResolvedImage Image => new(
        new ImageManifest { Digest = Digest.Of(_files.ManifestBytes), MediaType = MediaTypes.OciManifest, Config = new Descriptor(MediaTypes.OciConfig, _files.ConfigDigest, 1), Layers = _files.Descriptors },
        ImageConfigReader.Read(_files.ConfigBytes, "test"));

    private static Fact<NamespaceFacts> NoKernelOverlay => new Fact<NamespaceFacts>.Known(new NamespaceFacts
    {
        UserNamespace = StepResult.Ok,
        Bind = StepResult.Ok,
        Overlay = new StepResult(false, "ENODEV", "left out by the test"),
        OverlayUserXattr = new StepResult(false, "ENODEV", "left out by the test"),
        FuseOverlay = StepResult.Ok,
        FuseOverlayProgram = "/usr/bin/fuse-overlayfs",
        FreshProc = StepResult.Ok,
        Pivot = StepResult.Ok,
    });

    private CacheDirectory Cache(string name) => new(Path.Combine(_base, name));

    private async Task<CvmfsLayers> FactsAsync(InProcess children, CancellationToken ct)
    {
        SiteProfile site = new() { Name = "test", Cvmfs = Policy };
        CvmfsFacts cvmfs = await new CvmfsProbe(children).ProbeAsync(Policy, Policy.ImageRepositories, ct);
        Fact<CvmfsLayers> found = await new CvmfsLayerProbe(children).FindAsync(
            new ImageReference.InRegistry("localhost:1", "a/b", "t", null), new Fact<ResolvedImage>.Known(Image), cvmfs, new ImageSearch(site, new Platform("linux", "amd64")), ct);
        return found.IsKnown(out CvmfsLayers facts)
            ? facts
            : new CvmfsLayers { Layers = _files.Descriptors, Config = Image.Config, ConfigDigest = _files.ConfigDigest, Verification = Verification.Verified, Found = ImmutableDictionary<Digest, CvmfsLayer>.Empty };
    }

    private async Task PublishChainAsync(int count, CancellationToken ct)
    {
        CacheDirectory cache = Cache("chain");
        cache.Prepare();
        LayerStore store = new(cache, TimeProvider.System);
        List<StoredLayer> layers = [];
        for (int i = 0; i < count; i++)
        {
            layers.Add(await store.EnsureAsync(_files.Descriptors[i], _files.DiffIds[i], new Blobs(_files), ct));
        }

        string tree = await new Flattener(cache, TimeProvider.System).EnsureAsync(_files.ConfigDigest, [.. layers], ct);
        string chain = _files.ChainDirectory(CvmfsTop, count);
        Directory.CreateDirectory(Path.GetDirectoryName(chain)!);
        await Tool.RunAsync("/bin/cp", "-a", tree, chain);
        await File.WriteAllTextAsync(chain + "/.cvmfscatalog", "", ct);
    }

    private async Task<string[]> PulledAsync(RootfsForm form, CancellationToken ct)
    {
        LayerAssembly assembly = new(TimeProvider.System);
        Rootfs rootfs = await assembly.MakeAsync(new LayerAssembly.Order("registry", Image, Path.Combine(_base, form.ToString()), form), new Blobs(_files), ct);
        return form == RootfsForm.Tree ? await ListAsync(rootfs.LowerDirectories[0]) : await LaunchAsync(rootfs, form, ct);
    }

    private async Task<string[]> ListAsync(string directory) => Lines(await Tool.RunAsync(_lister, [directory, .. OfTheLauncher]));

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private async Task<string[]> LaunchAsync(Rootfs rootfs, RootfsForm form, CancellationToken ct)
    {
        string work = Directory.CreateDirectory(Path.Combine(_base, "work")).FullName;
        NodeFacts node = NodeProbe.Probe("/", ImmutableDictionary<string, string>.Empty);
        LaunchRequest request = new()
        {
            Rootfs = rootfs,
            Plan = new PlanInput
            {
                Site = new SiteProfile { Name = "test" },
                Host = new HostFacts { Node = node, Namespaces = form == RootfsForm.FuseStack ? NoKernelOverlay : new Fact<NamespaceFacts>.Unknown("not asked") },
                Image = new ImageFacts { Reference = new ImageReference.AtPath("/image") },
                CacheDirectory = _base,
            },
            Command = ["/treelist", "/", .. OfTheLauncher, _base.Split('/')[1]],
            JobDirectory = "/tmp",
            DataDirectory = "/work",
            ScratchDirectory = work,
            Expectations = [RootExpectation.Directory("/")],
            Binds = [new BindMount(_lister, "/treelist", ReadOnly: true, Optional: false)],
        };
        string output = Path.Combine(_base, Guid.NewGuid().ToString("N"));
        RootlessLauncher launcher = new(work);
        using (SafeFileHandle stdout = File.OpenHandle(output, FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
        {
            RunControl control = new() { Grace = TimeSpan.FromSeconds(1), Stop = new StopSource(), StandardOutput = stdout, SetupDeadline = TimeSpan.FromMinutes(1) };
            RunResult result = await launcher.RunAsync(launcher.Build(request), control, ct);
            Assert.That(result.ExitCode, Is.Zero);
        }

        return Lines(await File.ReadAllTextAsync(output, ct));
    }

    /// <summary>The probe children's code in this process: these trees do not hang.</summary>
    private sealed class InProcess : IProbeChildren
    {
        public Task<ProbeReply> AskAsync(ProbeQuestion question, CancellationToken ct)
        {
            ProbeOutput.ToDictionary output = new();
            bool known = ProbeMain.Answer(question.Kind, question.Arguments.AsSpan(), output);
            return Task.FromResult(new ProbeReply { End = known ? ProbeEnd.Answered : ProbeEnd.Failed, Values = output.Values.ToImmutableDictionary() });
        }
    }

    private sealed class Blobs(StackFiles files) : IBlobSource
    {
        public string Name => "registry";

        public Task<Stream> OpenAsync(Descriptor blob, CancellationToken ct) =>
            Task.FromResult<Stream>(new VerifiedStream(new MemoryStream(files.Blobs.First(b => Digest.Of(b) == blob.Digest)), blob, fault => new InvalidDataException(fault)));
    }
}
