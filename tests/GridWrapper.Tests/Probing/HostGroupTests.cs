using GridWrapper.Probing;
using GridWrapper.Sites;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Probing;

/// <summary>The smaller groups of facts, and how they come together.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class HostGroupTests
{
    private static readonly SiteProfile Site = new() { Name = "test", Cvmfs = new CvmfsPolicy { Root = "/nonexistent-cvmfs" } };

    private static HostProbe Probe(Func<CancellationToken, Task<Fact<NamespaceFacts>>>? namespaces = null, InProcessChildren? children = null) => new(new HostProbeContext
    {
        Site = Site,
        Children = children ?? new InProcessChildren(),
        Environment = new Dictionary<string, string> { ["PATH"] = "/nonexistent", ["http_proxy"] = "http://u:p@squid:3128" },
        Namespaces = namespaces,
    });

    [Test]
    public async Task What_is_not_asked_is_unknown_and_costs_no_child()
    {
        InProcessChildren children = new();
        HostFacts facts = await Probe(children: children).ProbeAsync(new ProbeRequest(), CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(children.Questions, Is.Empty);
            Assert.That(((string[])[facts.Namespaces.Why, facts.Runtimes.Why, facts.Cvmfs.Why, facts.FuseDevice.Why, facts.Gpus.Why, facts.Zstd.Why]).Distinct(), Is.EqualTo((string[])["not asked"]));
        }
    }

    [Test]
    public async Task A_group_that_throws_is_unknown_and_the_others_go_on()
    {
        HostFacts facts = await Probe(_ => throw new IOException("boom")).ProbeAsync(
            new ProbeRequest { Namespaces = true, CvmfsRepositories = ["a.test"], Runtimes = true, Fuse = true, Gpus = true, Zstd = true, Zlib = true, Proxies = true, Space = [("work", "/tmp")] },
            CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(facts.Namespaces, Is.EqualTo(new Fact<NamespaceFacts>.Unknown("probing namespaces failed: boom")));
            Assert.That(((Fact<CvmfsFacts>.Known)facts.Cvmfs).Value.Repositories, Has.All.Property("State").EqualTo(CvmfsState.Absent));
            Assert.That(facts.Runtimes, Is.TypeOf<Fact<ImmutableArray<RuntimeFacts>>.Absent>());
            Assert.That(facts.Space, Has.Length.EqualTo(1).And.All.Property("FreeBytes").Positive);
            Assert.That(facts.Proxies, Is.EqualTo((string[])["http_proxy=http://***@squid:3128"]));
            Assert.That(facts.FuseDevice, Is.Not.TypeOf<Fact<string>.Unknown>());
        }
    }

    [Test]
    public async Task The_report_has_every_group_in_both_forms()
    {
        HostFacts facts = await Probe().ProbeAsync(new ProbeRequest { CvmfsRepositories = ["a.test"], Proxies = true }, CancellationToken.None);
        JObject json = HostFactsReport.Json(facts);
        string text = string.Join('\n', HostFactsReport.Lines(facts));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(json.Properties().Select(p => p.Name), Is.EqualTo((string[])["node", "namespaces", "cgroups", "runtimes", "cvmfs", "space", "fuseDevice", "squashfuse", "gpus", "subordinateIds", "zstd", "zlib", "proxies"]));
            Assert.That((string?)json.SelectToken("cvmfs.state"), Is.EqualTo("known"));
            Assert.That((string?)json.SelectToken("cvmfs.value.repositories[0].state"), Is.EqualTo("absent"));
            Assert.That((string?)json.SelectToken("namespaces.state"), Is.EqualTo("unknown"));
            Assert.That((string?)json.SelectToken("namespaces.reason"), Is.EqualTo("not asked"));
            Assert.That(text, Does.Contain("a.test: absent: this node has no /nonexistent-cvmfs").And.Contain("***@squid").And.Not.Contain("u:p"));
        }
    }

    [TestCase("http://user:pa@ss@host:1/", "http://***@host:1/")]
    [TestCase("http://host:1", "http://host:1")]
    [TestCase("user:secret@host:1", "***@host:1")]
    [TestCase(".cern.ch,localhost", ".cern.ch,localhost")]
    public void Credentials_of_proxies_are_replaced(string value, string expected) => Assert.That(ProxyProbe.Redact(value), Is.EqualTo(expected));

    [Test]
    public void Gpus_are_told_by_their_device_nodes()
    {
        using Scratch root = new();
        foreach (string name in (string[])["nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-caps/nvidia-cap1", "kfd", "dri/renderD128", "dri/card0"])
        {
            root.Write("dev/" + name, "");
        }

        Fact<ImmutableArray<GpuFacts>> gpus = DeviceProbe.Gpus(root.Path);
        string[] listed = [.. ((Fact<ImmutableArray<GpuFacts>>.Known)gpus).Value.Select(g => $"{g.Vendor}: {string.Join(' ', g.Devices.Select(d => Path.GetRelativePath(root.Path, d)))}")];
        Assert.That(listed, Is.EqualTo((string[])["nvidia: dev/nvidia-uvm dev/nvidia0 dev/nvidiactl dev/nvidia-caps/nvidia-cap1", "amd: dev/kfd dev/dri/renderD128"]));
    }

    [TestCase("nvidiactl")]
    [TestCase("dri/renderD128")]
    [TestCase("null")]
    public void A_driver_without_a_card_or_a_display_is_no_gpu(string name)
    {
        using Scratch root = new();
        root.Write("dev/" + name, "");
        Assert.That(DeviceProbe.Gpus(root.Path), Is.TypeOf<Fact<ImmutableArray<GpuFacts>>.Absent>());
    }

    [Test]
    public void A_missing_fuse_device_is_absent_with_its_errno()
    {
        using Scratch root = new();
        Assert.That(DeviceProbe.Fuse(root.Path), Is.TypeOf<Fact<string>.Absent>().With.Property("Reason").Contains("ENOENT"));
    }

    [Test]
    public void A_file_that_is_no_library_is_not_libzstd()
    {
        using Scratch root = new();
        root.Write("usr/lib64/libzstd.so.1", "not a library");
        Assert.That(ZstdProbe.Probe(root.Path, new Dictionary<string, string>()), Is.TypeOf<Fact<string>.Absent>());
    }

    [Test]
    public async Task Space_is_told_for_a_directory_that_does_not_exist_yet()
    {
        using Scratch root = new();
        SpaceFacts? space = await new SpaceProbe(new InProcessChildren(), MountInfo.Read()).ProbeAsync("cache", Path.Combine(root.Path, "a/b"), CancellationToken.None);
        Assert.That(space, Is.Not.Null.And.Property("FreeBytes").Positive.And.Property("FileSystem").Not.EqualTo("unknown"));
    }

    private static IEnumerable<TestCaseData> Paths()
    {
        yield return new TestCaseData("dir", "directory").SetArgDisplayNames("directory");
        yield return new TestCaseData(new string('#', 32) + "SIF_MAGIC\0" + "0123456789", "sif").SetArgDisplayNames("sif");
        yield return new TestCaseData("hsqs and more", "squashfs").SetArgDisplayNames("squashfs");
        yield return new TestCaseData("just text", null).SetArgDisplayNames("other file");
        yield return new TestCaseData("", null).SetArgDisplayNames("empty file");
        yield return new TestCaseData(null, null).SetArgDisplayNames("missing");
    }

    [TestCaseSource(nameof(Paths))]
    public async Task A_path_is_what_its_first_bytes_say(string? content, string? kind)
    {
        using Scratch root = new();
        string path = Path.Combine(root.Path, "image");
        if (content == "dir")
        {
            Directory.CreateDirectory(path);
        }
        else if (content is not null)
        {
            root.Write("image", content);
        }

        File.CreateSymbolicLink(Path.Combine(root.Path, "link"), "image");
        InProcessChildren children = new();
        Fact<PathImage> found = await new PathProbe(children).FindAsync(Path.Combine(root.Path, "link"), new CvmfsPolicy(), CancellationToken.None);
        Fact<PathImage> bare = found.IsKnown(out PathImage image) ? new Fact<PathImage>.Known(image with { File = null }) : found;
        Assert.That(bare, kind is null ? Is.TypeOf<Fact<PathImage>.Absent>() : Is.EqualTo(new Fact<PathImage>.Known(new PathImage(path, kind, false))));
        Assert.That(image?.File?.Fault, kind is "sif" or "squashfs" ? Does.Contain("too few") : Is.Null, "a file of which only the first bytes are there says so");
        Assert.That(children.Questions, Is.Empty, "a local path needs no child");
    }

    [Test]
    public async Task A_path_below_the_usual_root_is_looked_for_where_cvmfs_is_mounted_and_only_in_a_child()
    {
        using Scratch root = new();
        FakeCvmfsTree tree = new(root.Path, "unpacked.test");
        FakeImage image = tree.Publish(new FakeImage());
        InProcessChildren children = new();
        Fact<PathImage> found = await new PathProbe(children).FindAsync($"/cvmfs/unpacked.test/{image.PublicName}", new CvmfsPolicy { Root = root.Path }, CancellationToken.None);
        Assert.That(found, Is.EqualTo(new Fact<PathImage>.Known(new PathImage(tree.FlatOf(image), "directory", true))));
        Assert.That(children.Questions, Has.Count.EqualTo(1).And.All.Property("Repository").EqualTo(tree.Top));
    }
}
