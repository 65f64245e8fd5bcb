using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Registries;
using GridWrapper.Sites;
using GridWrapper.Strategies;

namespace GridWrapper.SystemTests.Registries;

/// <summary>
/// One image in every shape a registry and files can give it, fetched with the real strategies; each time the tree must be the one that umoci unpacks,
/// except for what one uid cannot have: set-id bits, and modes that shut out the owner.
/// </summary>
[TestFixture]
[CancelAfter(180_000)]
public sealed class RealImageTests
{
    /// <summary>"TYPE MODE SIZE SHA256 PATH [-> TARGET]", sorted, as image.sh describes a tree.</summary>
    private const string Describe = """
        find . -mindepth 1 -printf '%y\t%04m\t%s\t%P\t%l\0' | sort -z -t $'\t' -k 4,4 | while IFS=$'\t' read -r -d '' type mode size path target; do
            hash=-; if [[ $type == f ]]; then hash=$(sha256sum <"$path"); hash=${hash%% *}; else size=0; fi
            printf '%s %s %s %s %s%s\n' "$type" "$mode" "$size" "$hash" "$path" "${target:+ -> $target}"
        done
        """;

    private string _image = "";
    private RealRegistry? _open;
    private RealRegistry? _guarded;

    private static NodeFacts Node { get; } = new()
    {
        HostName = "node",
        OperatingSystem = "test",
        Kernel = "6",
        Architecture = "amd64",
        CpuLevel = "x86-64-v2",
        CpuModel = "cpu",
        Cores = 2,
        MemoryBytes = 1L << 32,
        Uid = 0,
        Gid = 0,
    };

    [OneTimeSetUp]
    public void StartRegistries()
    {
        if (RealRegistry.Missing is { } program)
        {
            Assert.Ignore($"the program {program} is missing");
        }

        _image = RealRegistry.BuildImage();
        _open = RealRegistry.Start(_image, withPassword: false);
        _guarded = RealRegistry.Start(_image, withPassword: true);
    }

    [OneTimeTearDown]
    public void StopRegistries()
    {
        _open?.Dispose();
        _guarded?.Dispose();
    }

    [TestCase("gzip", TestName = "Registry_oci_gzip")]
    [TestCase("zstd", TestName = "Registry_oci_zstd")]
    [TestCase("plain", TestName = "Registry_oci_plain")]
    [TestCase("platforms", TestName = "Registry_oci_index")]
    [TestCase("multi", TestName = "Registry_oci_index_with_attestation")]
    [TestCase("docker", TestName = "Registry_docker_v2")]
    [TestCase("multi-docker", TestName = "Registry_docker_manifest_list")]
    public async Task Every_shape_in_a_registry_gives_the_same_tree(string tag, CancellationToken ct)
    {
        Rootfs rootfs = await MakeAsync("registry", new ImageReference.InRegistry(_open!.Address, _open.Repository, tag, null), RootfsForm.Tree, ct);

        Assert.That(List(rootfs.LowerDirectories.Single()), Is.EqualTo(Expected()));
    }

    [TestCase("oci", TestName = "Local_layout")]
    [TestCase("oci-zstd", TestName = "Local_layout_zstd")]
    [TestCase("oci-archive", TestName = "Local_oci_archive")]
    [TestCase("docker-archive", TestName = "Local_docker_archive")]
    public async Task Every_shape_in_files_gives_the_same_tree(string kind, CancellationToken ct)
    {
        ImageReference reference = kind switch
        {
            "oci" => new ImageReference.OciLayout(_image + "/layout", "gzip"),
            "oci-zstd" => new ImageReference.OciLayout(_image + "/layout", "zstd"),
            "oci-archive" => new ImageReference.OciArchive(_image + "/oci.tar", "latest"),
            _ => new ImageReference.DockerArchive(_image + "/docker.tar", "latest"),
        };

        Rootfs rootfs = await MakeAsync("local", reference, RootfsForm.Tree, ct);

        Assert.That(List(rootfs.LowerDirectories.Single()), Is.EqualTo(Expected()));
    }

    /// <summary>The kernel's own overlay, mounted unprivileged with userxattr as the launcher does.</summary>
    [Test]
    public async Task The_stack_as_the_kernel_merges_it_is_the_same_tree(CancellationToken ct)
    {
        Rootfs rootfs = await MakeAsync("registry", new ImageReference.InRegistry(_open!.Address, _open.Repository, "gzip", null), RootfsForm.Stack, ct);
        Assert.That(rootfs.Form, Is.EqualTo(RootfsForm.Stack));
        string links = RealRegistry.NewDirectory();
        string[] lowers = [.. rootfs.LowerDirectories.Select((directory, i) => Directory.CreateSymbolicLink($"{links}/{i}", directory).Name)];
        Directory.CreateDirectory(links + "/merged");
        string script = $"cd {links} && mount -t overlay overlay -o userxattr,lowerdir={string.Join(':', lowers)} merged && cd merged && {Describe}";

        string listing;
        try
        {
            listing = RealRegistry.Run("/usr/bin/unshare", "-Urm", "/bin/bash", "-c", script);
        }
        catch (InvalidOperationException e)
        {
            Assert.Ignore("overlay with userxattr in a user namespace does not work here: " + e.Message);
            return;
        }

        Assert.That(listing.TrimEnd('\n').Split('\n'), Is.EqualTo(Expected()));
    }

    [Test]
    public async Task A_password_opens_and_its_absence_is_explained(CancellationToken ct)
    {
        string config = RealRegistry.NewDirectory() + "/config.json";
        string pair = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{RealRegistry.User}:{RealRegistry.Password}"));
        await File.WriteAllTextAsync(config, $"{{\"auths\":{{\"{_guarded!.Address}\":{{\"auth\":\"{pair}\"}}}}}}", ct);
        var reference = new ImageReference.InRegistry(_guarded.Address, _guarded.Repository, "gzip", null);

        Rootfs rootfs = await MakeAsync("registry", reference, RootfsForm.Tree, ct, config);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(List(rootfs.LowerDirectories.Single()), Is.EqualTo(Expected()));
            Assert.That(() => MakeAsync("registry", reference, RootfsForm.Tree, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("--registry-config"));
        }
    }

    [Test]
    public void A_tag_that_is_not_there_is_named(CancellationToken ct)
    {
        var reference = new ImageReference.InRegistry(_open!.Address, _open.Repository, "nosuchtag", null);

        GridWrapperException fault = Assert.ThrowsAsync<GridWrapperException>(() => MakeAsync("registry", reference, RootfsForm.Tree, ct))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(fault.Failure.PilotErrorCode, Is.EqualTo(PilotError.ImageNotFound));
            Assert.That(fault.Message, Does.Contain("nosuchtag").And.Contain("MANIFEST_UNKNOWN"));
        }
    }

    private static async Task<Rootfs> MakeAsync(string strategy, ImageReference reference, RootfsForm form, CancellationToken ct, string? config = null)
    {
        var clients = new RegistryClientFactory(TimeProvider.System, new Random(1)) { ConfigFile = config, Environment = _ => null };
        var site = new SiteProfile { Name = "test" };
        ResolvedImage resolved = reference is ImageReference.InRegistry image
            ? await new ImageResolver(clients).ResolveAsync(image, site, Node, ct)
            : (await LocalImages.ResolveAsync(reference, site, Node, ct)).Image;
        var input = new PlanInput
        {
            Site = site,
            Host = new HostFacts { Node = Node },
            Image = new ImageFacts { Reference = reference, Resolved = new Fact<ResolvedImage>.Known(resolved) },
            CacheDirectory = RealRegistry.NewDirectory() + "/cache",
        };
        ProbeChildren children = new(new ProbeProgram(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "gridwrap.dll")]), TimeProvider.System);
        IRootfsStrategy chosen = StrategyCatalog.Create(clients, children, TimeProvider.System).Single(s => s.Name == strategy);
        Assert.That(chosen.Judge(input, form), Is.InstanceOf<Verdict.Usable>());
        return await chosen.MaterialiseAsync(input, form, ct);
    }

    private static string[] List(string tree) => RealRegistry.Run("/bin/bash", "-c", $"cd {tree} && {Describe}").TrimEnd('\n').Split('\n');

    /// <summary>umoci's tree with the modes that one uid gets.</summary>
    private string[] Expected() => [.. File.ReadAllText(_image + "/expected", Encoding.Latin1).TrimEnd('\n').Split('\n').Select(UnderOneUid)];

    private static string UnderOneUid(string line)
    {
        int mode = Convert.ToInt32(line[2..6], 8);
        mode = line[0] switch { 'd' => (mode & 0x3FF) | 0x1C0, 'f' => (mode & 0x1FF) | 0x100, _ => mode };
        return $"{line[0]} {Convert.ToString(mode, 8).PadLeft(4, '0')}{line[6..]}";
    }
}
