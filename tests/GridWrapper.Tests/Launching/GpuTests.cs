using GridWrapper.Launching;
using GridWrapper.Probing;
using GridWrapper.Tests.Probing;

namespace GridWrapper.Tests.Launching;

/// <summary>What payloads get of GPUs, on trees that look like nodes: from device nodes and files to binds, variables and search path.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class GpuTests
{
    private const string First = "GPU-aaaa1111-0000-0000-0000-000000000000", Second = "GPU-bbbb2222-0000-0000-0000-000000000000";

    private static readonly string[] s_nvidia = ["nvidiactl", "nvidia0", "nvidia1", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps/nvidia-cap1", "nvidia-caps/nvidia-cap2"];

    private const string Yaml = """
        # generated
        ---
        cdiVersion: 0.5.0
        kind: nvidia.com/gpu
        containerEdits:
          env:
          - NVIDIA_VISIBLE_DEVICES=void
          - "EXTRA=quoted: value"
          deviceNodes:
          - path: /dev/nvidiactl
          - path: /dev/nvidia-uvm
          hooks:
          - args:
            - nvidia-cdi-hook
            - create-symlinks
            - --link
            - libcuda.so.1::/usr/lib64/libcuda.so
            hookName: createContainer
            path: /usr/bin/nvidia-cdi-hook
          - args:
            - nvidia-cdi-hook
            - update-ldcache
            - --folder
            - /usr/lib64
            hookName: createContainer
            path: /usr/bin/nvidia-cdi-hook
          - args:
            - nvidia-cdi-hook
            - enable-cuda-compat
            hookName: createContainer
            path: /usr/bin/nvidia-cdi-hook
          mounts:
          - containerPath: /usr/lib64/libcuda.so.1
            hostPath: /usr/lib64/libcuda.so.550.54
            options:
            - ro
            - nosuid
          - containerPath: /run/nvidia-persistenced/socket
            hostPath: /run/nvidia-persistenced/socket
            options: []
        devices:
        - name: "0"
          containerEdits:
            deviceNodes:
            - path: /dev/nvidia0
        - name: '1'
          containerEdits:
            deviceNodes:
            - path: /dev/nvidia1
              hostPath: /dev/nvidia7
        - name: all
          containerEdits:
            deviceNodes:
            - path: /dev/nvidia0
            - path: /dev/nvidia1
        """;

    [Test]
    public void An_EL9_node_with_two_cards([Values] bool oldCache)
    {
        using Scratch scratch = new();
        GpuNode node = El9(scratch).Cache(oldCache);
        GpuSupply supply = Supply(node, "2.39")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(supply.Devices.Select(d => Path.GetRelativePath(node.Root, d)), Is.EquivalentTo(s_nvidia.Select(n => "dev/" + n)));
            Assert.That(Targets(supply), Is.SupersetOf((string[])["/run/gridwrap/nv/libcuda.so.1", "/run/gridwrap/nv/libnvidia-ml.so.1", "/run/gridwrap/nv/libGLX.so.0", "/usr/bin/nvidia-smi"]));
            Assert.That(supply.Files.All(f => f is { ReadOnly: true, Optional: true }));
            Assert.That(supply.LibraryPath, Is.EqualTo("/run/gridwrap/nv"));
            Assert.That(Targets(supply), Has.None.Contain("libnvidia-container"));
            Assert.That(supply.Notes, Is.Empty);
        }
    }

    [Test]
    public void Libraries_newer_than_the_images_are_left_out_and_named()
    {
        using Scratch scratch = new();
        GpuSupply supply = Supply(El9(scratch).Cache(), "2.17")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Targets(supply), Has.Member("/run/gridwrap/nv/libcuda.so.1").And.No.Member("/run/gridwrap/nv/libGLX.so.0").And.No.Member("/run/gridwrap/nv/libGLdispatch.so.0"));
            Assert.That(supply.Notes, Has.Member("libGLX.so.0 is left out: it needs glibc 2.34, and the image has 2.17"));
        }
    }

    [TestCase("", "the image has no GNU C library")]
    [TestCase(null, null)]
    public void An_image_without_or_with_an_unknown_C_library(string? glibc, string? note)
    {
        using Scratch scratch = new();
        GpuSupply supply = Supply(El9(scratch).Cache(), glibc)!;
        Assert.That(Targets(supply), Has.Member("/run/gridwrap/nv/libGLX.so.0"));
        Assert.That(supply.Notes, note is null ? Is.Empty : Has.Some.Contain(note));
    }

    [Test]
    public void An_Ubuntu_node_whose_list_does_not_know_the_driver()
    {
        using Scratch scratch = new();
        GpuNode node = new GpuNode(scratch.Path).Devices("nvidiactl", "nvidia0").File("usr/lib/x86_64-linux-gnu/libcuda.so.1", "not an ELF file");
        node.Library("usr/lib/x86_64-linux-gnu/libcuda.so.535.1", "libcuda.so.1", "GLIBC_2.2.5").Library("usr/lib/x86_64-linux-gnu/libother.so.1", "libother.so.1");
        Assert.That(Targets(Supply(node, "2.31")!), Is.EqualTo((string[])["/run/gridwrap/nv/libcuda.so.1"]));
    }

    [Test]
    public void A_node_without_driver_libraries()
    {
        using Scratch scratch = new();
        GpuSupply supply = Supply(new GpuNode(scratch.Path).Devices("nvidiactl", "nvidia0"), "2.31")!;
        Assert.That((supply.Files.Length, supply.LibraryPath), Is.EqualTo((0, "")));
        Assert.That(supply.Notes, Has.Some.Contain("no library of NVIDIA's driver"));
    }

    [TestCase("CUDA_VISIBLE_DEVICES=0", "nvidia0 nvidia1", TestName = "numbers of CUDA keep every node")]
    [TestCase("CUDA_VISIBLE_DEVICES=" + Second, "nvidia1", TestName = "a UUID of CUDA")]
    [TestCase("CUDA_VISIBLE_DEVICES=GPU-aaaa", "nvidia0", TestName = "the beginning of a UUID")]
    [TestCase("CUDA_VISIBLE_DEVICES=GPU-ffff", "nvidia0 nvidia1", TestName = "a UUID that is not here")]
    [TestCase("CUDA_VISIBLE_DEVICES=MIG-1234", "nvidia0 nvidia1", TestName = "a part of a card")]
    [TestCase("CUDA_VISIBLE_DEVICES=", null, TestName = "none by CUDA")]
    [TestCase("CUDA_VISIBLE_DEVICES=-1", null, TestName = "none by a number")]
    [TestCase("CUDA_VISIBLE_DEVICES=NoDevFiles", null, TestName = "none by Slurm")]
    [TestCase("NVIDIA_VISIBLE_DEVICES=1", "nvidia0", TestName = "a number counts places on the bus")]
    [TestCase("NVIDIA_VISIBLE_DEVICES=" + First + "," + Second, "nvidia0 nvidia1", TestName = "two UUIDs")]
    [TestCase("NVIDIA_VISIBLE_DEVICES=all", "nvidia0 nvidia1", TestName = "all")]
    [TestCase("NVIDIA_VISIBLE_DEVICES=void", "nvidia0 nvidia1", TestName = "void says nothing")]
    [TestCase("NVIDIA_VISIBLE_DEVICES=none", null, TestName = "none by NVIDIA")]
    [TestCase("CUDA_VISIBLE_DEVICES=1 NVIDIA_VISIBLE_DEVICES=1", "nvidia0 nvidia1", TestName = "CUDA's numbers come first")]
    [TestCase("", "nvidia0 nvidia1", TestName = "nobody says")]
    public void Selection(string environment, string? expected)
    {
        using Scratch scratch = new();
        // The second place on the bus has the first minor number, as happens.
        GpuNode node = new GpuNode(scratch.Path).Devices(s_nvidia).Card("0000:17:00.0", 1, Second).Card("0000:65:00.0", 0, First);
        GpuSupply? supply = Supply(node, "2.34", environment);
        string[]? cards = supply is null ? null : [.. supply.Devices.Select(d => Path.GetFileName(d)).Where(d => d is "nvidia0" or "nvidia1")];
        Assert.That(cards is null ? null : string.Join(' ', cards), Is.EqualTo(expected));
    }

    [TestCase("", "/dev/nvidiactl /dev/nvidia-uvm /dev/nvidia0 /dev/nvidia1", false)]
    [TestCase("NVIDIA_VISIBLE_DEVICES=0", "/dev/nvidiactl /dev/nvidia-uvm /dev/nvidia0", false)]
    [TestCase("NVIDIA_VISIBLE_DEVICES=1", "/dev/nvidiactl /dev/nvidia-uvm", true)]
    [TestCase("CUDA_VISIBLE_DEVICES=0", "/dev/nvidiactl /dev/nvidia-uvm /dev/nvidia0 /dev/nvidia1", false)]
    public void A_CDI_specification(string environment, string devices, bool renamed)
    {
        using Scratch scratch = new();
        GpuNode node = El9(scratch).File("etc/cdi/nvidia.yaml", Yaml).Cache();
        GpuSupply supply = Supply(node, "2.34", environment)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', supply.Devices), Is.EqualTo(devices));
            Assert.That(supply.Files.Any(f => f is { Source: "/dev/nvidia7", Target: "/dev/nvidia1", ReadOnly: false }), Is.EqualTo(renamed));
            Assert.That(supply.Environment.Select(e => $"{e.Key}={e.Value}"), Is.EqualTo((string[])["EXTRA=quoted: value"]));
            Assert.That(supply.Files, Has.Member(new BindMount("/usr/lib64/libcuda.so.550.54", "/usr/lib64/libcuda.so.1", true, true)));
            Assert.That(supply.Files, Has.Member(new BindMount("/usr/lib64/libcuda.so.550.54", "/usr/lib64/libcuda.so", true, true)), "the link");
            Assert.That(supply.Files, Has.Member(new BindMount("/usr/lib64/libcuda.so.550.54", "/run/gridwrap/nv/libcuda.so.1", true, true)), "by soname");
            Assert.That(supply.LibraryPath, Is.EqualTo("/usr/lib64:/run/gridwrap/nv"));
            Assert.That(supply.Notes, Is.EqualTo((string[])["the CDI hook enable-cuda-compat is not applied"]));
        }
    }

    [Test]
    public void A_CDI_specification_in_JSON_beats_one_in_etc_and_a_broken_one_is_passed_over()
    {
        using Scratch scratch = new();
        GpuNode node = El9(scratch).Cache().File("etc/cdi/a.yaml", "kind: &anchor x").File("var/run/cdi/n.json", """
            {"cdiVersion":"0.6.0","kind":"nvidia.com/gpu","devices":[{"name":"all","containerEdits":{"deviceNodes":[{"path":"/dev/nvidia0","permissions":"rw"}]}}]}
            """);
        Assert.That(Supply(node, "2.34")!.Devices, Is.EqualTo((string[])["/dev/nvidia0"]));
        File.Delete(Path.Combine(node.Root, "var/run/cdi/n.json"));
        GpuSupply without = Supply(node, "2.34")!;
        Assert.That((without.Devices.Length, without.Notes.Single(n => n.Contains("a.yaml", StringComparison.Ordinal))), Is.EqualTo((8, $"the CDI specification {node.Root}/etc/cdi/a.yaml was not used: line 1: &anchor x is a form that is not read here")));
    }

    [Test]
    public void A_ROCm_node([Values] bool imageHasRocm)
    {
        using Scratch scratch = new();
        GpuNode node = new GpuNode(scratch.Path).Devices("kfd", "dri/renderD128", "dri/renderD129", "dri/card0").Library("opt/rocm/lib/libhsa-runtime64.so.1.9", "libhsa-runtime64.so.1", "GLIBC_2.27").Cache();
        GpuSupply supply = Supply(node, "2.34", "ROCR_VISIBLE_DEVICES=0", imageHasRocm)!;
        Assert.That(supply.Devices.Select(d => Path.GetFileName(d)), Is.EqualTo((string[])["kfd", "renderD128", "renderD129"]));
        Assert.That(Targets(supply), Is.EqualTo(imageHasRocm ? [] : (string[])["/run/gridwrap/nv/libhsa-runtime64.so.1"]));
    }

    [Test]
    public void Windows_own_driver()
    {
        using Scratch scratch = new();
        GpuSupply supply = Supply(new GpuNode(scratch.Path).Devices("dxg").File("usr/lib/wsl/lib/libcuda.so.1"), "2.34")!;
        Assert.That((supply.Files[0].Target, supply.LibraryPath, Path.GetFileName(supply.Devices[0])), Is.EqualTo(("/usr/lib/wsl", "/usr/lib/wsl/lib", "dxg")));
    }

    [Test]
    public void A_driver_without_a_card_is_no_GPU()
    {
        using Scratch scratch = new();
        Assert.That(DeviceProbe.Gpus(new GpuNode(scratch.Path).Devices("nvidiactl", "nvidia-uvm").Root).IsKnown(out _), Is.False);
    }

    [Test]
    public void The_launch_shows_them_and_the_search_path_comes_last()
    {
        LaunchRequest request = Requests.With(Requests.Apptainer);
        request = request with
        {
            Rootfs = request.Rootfs with { Config = Requests.Config with { Env = ["LD_LIBRARY_PATH=/image/lib"] } },
            Gpu = new GpuSupply { Devices = ["/dev/nvidia0"], Files = [new BindMount("/usr/lib64/libcuda.so.1", "/run/gridwrap/nv/libcuda.so.1", true, true)], LibraryPath = "/run/gridwrap/nv" },
        };
        LaunchSpec rootless = new RootlessLauncher("/cache").Build(request);
        LaunchSpec apptainer = ApptainerCommandLine.Create(request, Requests.Apptainer);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rootless.Environment["LD_LIBRARY_PATH"], Is.EqualTo("/image/lib:/run/gridwrap/nv"));
            Assert.That(rootless.Operations, Has.Member(new LaunchOperation("bind", "/dev/nvidia0", "/dev/nvidia0", "optional")));
            Assert.That(rootless.Operations, Has.Member(new LaunchOperation("bind", "/usr/lib64/libcuda.so.1", "/run/gridwrap/nv/libcuda.so.1", "ro,optional")));
            Assert.That(rootless.Operations, Has.Member(new LaunchOperation("scaffold", "/usr/lib64/libcuda.so.1", "/run/gridwrap/nv/libcuda.so.1", "optional")));
            Assert.That(apptainer.Argv, Has.Member("--nv"));
            Assert.That(apptainer.Environment["APPTAINERENV_LD_LIBRARY_PATH"], Is.EqualTo("/image/lib"));
        }
    }

    private static GpuNode El9(Scratch scratch) => new GpuNode(scratch.Path).Devices(s_nvidia).Card("0000:17:00.0", 0, First).Card("0000:65:00.0", 1, Second)
        .Library("usr/lib64/libcuda.so.550.54", "libcuda.so.1", "GLIBC_2.2.5", "GLIBC_2.17").Library("usr/lib64/libnvidia-ml.so.550.54", "libnvidia-ml.so.1", "GLIBC_2.14")
        .Library("usr/lib64/libGLX.so.0", "libGLX.so.0", "GLIBC_2.2.5", "GLIBC_2.34").Library("usr/lib64/libGLdispatch.so.0", "libGLdispatch.so.0", "GLIBC_ABI_DT_RELR")
        .Library("usr/lib64/libnvidia-container.so.1", "libnvidia-container.so.1").Library("usr/lib64/libz.so.1", "libz.so.1").File("usr/bin/nvidia-smi");

    private static GpuSupply? Supply(GpuNode node, string? glibc, string environment = "", bool rocm = false)
    {
        Assert.That(DeviceProbe.Gpus(node.Root).IsKnown(out ImmutableArray<GpuFacts> facts), "no GPU found");
        Dictionary<string, string> variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(e => e.Split('=', 2)).ToDictionary(e => e[0], e => e[1]);
        return GpuSupplier.Create(facts, glibc is null && !rocm ? null : new ImageInside { Glibc = glibc, HasRocm = rocm }, variables);
    }

    private static IEnumerable<string> Targets(GpuSupply supply) => supply.Files.Select(f => f.Target);
}
