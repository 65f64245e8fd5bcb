using System.Runtime.Versioning;
using GridWrapper.Launching;

namespace GridWrapper.SystemTests.Launching;

/// <summary>The helper compiled as if the kernel had neither openat2 nor mount_setattr: it must come to the same mounts.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class OldKernelTests
{
    /// <summary>Links of the image; the binds below go through each.</summary>
    private static readonly ImmutableArray<(string Link, string Target)> Links =
    [
        ("plain", "real"), ("absolute", "/real"), ("above", "../../../../real"), ("through/dots", "../real/../real/./sub"), ("chain1", "chain2"), ("chain2", "/chain3/../real"), ("chain3", "through"),
        ("dangling", "/made/for/it"), ("dangling-relative", "not/there"), ("real/up", ".."), ("to-old", "/old"), ("proc-link", "/proc/self/cwd"), ("slash", "/"), ("slashes", "//real///sub/"),
    ];

    private static readonly ImmutableArray<string> Targets =
    [
        "/plain/1", "/absolute/2", "/above/3", "/through/dots/4", "/chain1/5", "/dangling/6", "/dangling-relative/7", "/real/up/real/up/real/8", "/to-old/tmp/9", "/slash/slash/10", "/slashes/11",
        "/real/sub/12", "/new/deep/13",
    ];

    [Test]
    public async Task BothWaysOfResolvingComeToTheSameMounts()
    {
        using RootlessTestbed testbed = await RootlessTestbed.CreateAsync();
        string directory = testbed.NewDirectory();
        await File.WriteAllBytesAsync(Path.Combine(directory, "plan"), Plan(MakeImage(testbed)));
        await using (Stream embedded = typeof(InitReport).Assembly.GetManifestResourceStream("gridwrap-init")!)
        await using (FileStream file = File.Create(Path.Combine(directory, "new")))
        {
            await embedded.CopyToAsync(file);
        }

        string source = Path.Combine(RootlessTestbed.Repository, "src", "init");
        (int compiled, _, string messages) = await RootlessTestbed.ExecuteAsync(
            ["/usr/bin/musl-gcc", "-std=c11", "-Os", "-static", "-DGRIDWRAP_OLD_KERNEL", "-o", Path.Combine(directory, "old"), .. Directory.GetFiles(source, "*.c")],
            new RootlessTestbed.Launch());
        Assert.That(compiled, Is.Zero, messages);
        File.SetUnixFileMode(Path.Combine(directory, "new"), (UnixFileMode)0x1ED);
        (string now, string then) = (await MountsAsync(testbed, directory, "new"), await MountsAsync(testbed, directory, "old"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(then, Is.EqualTo(now));
            Assert.That(now, Does.Contain(" /real/1 rw").And.Contain(" /made/for/it/6 ").And.Contain(" /real/sub/4 ").And.Contain(" /ro/bind ro"));
        }
    }

    private static async Task<string> MountsAsync(RootlessTestbed testbed, string directory, string helper)
    {
        (int code, string output, string errors) = await testbed.HostShellAsync($"exec ./{helper} 3<plan 4>{helper}.report", directory);
        Assert.That((code, errors), Is.EqualTo((0, "")), $"{helper}: {Convert.ToHexString(await File.ReadAllBytesAsync(Path.Combine(directory, helper + ".report")))}");
        return output;
    }

    private static string MakeImage(RootlessTestbed testbed)
    {
        string image = testbed.NewImage();
        Directory.CreateDirectory(Path.Combine(image, "real", "sub"));
        Directory.CreateDirectory(Path.Combine(image, "through"));
        foreach ((string link, string target) in Links)
        {
            File.CreateSymbolicLink(Path.Combine(image, link), target);
        }

        RootlessTestbed.Give(image);
        return image;
    }

    private static byte[] Plan(string image)
    {
        string uid = Environment.UserName == "root" ? RootlessTestbed.User : Linux.Libc.GetUid().ToString(CultureInfo.InvariantCulture);
        string gid = Environment.UserName == "root" ? RootlessTestbed.User : Linux.Libc.GetGid().ToString(CultureInfo.InvariantCulture);
        LaunchSpec spec = new()
        {
            Launcher = "rootless",
            Argv = ["/bin/sh", "-c", "while read -r id parent device root point options rest; do echo \"$root $point ${options%%,*}\"; done </proc/self/mountinfo"],
            Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/bin"),
            WorkingDirectory = "/",
            UidMap = [$"{uid} {uid} 1"],
            GidMap = [$"{gid} {gid} 1"],
            Operations =
            [
                new(LaunchOperations.SlaveRoot, null, null),
                new(LaunchOperations.Base, null, "/tmp"),
                new(LaunchOperations.Scaffold, null, "/proc"),
                new(LaunchOperations.Layer, image, null),
                new(LaunchOperations.Overlay, null, null, ""),
                new(LaunchOperations.Proc, null, "/proc"),
                .. Targets.Select(t => new LaunchOperation(LaunchOperations.Bind, "/etc/hostname", t)),
                new(LaunchOperations.Bind, "/usr", "/ro/bind", "ro"),
                new(LaunchOperations.Bind, "/sys", "/ro/sys", "ro"),
                new(LaunchOperations.Enter, null, "/"),
            ],
        };
        return PlanEncoder.Encode(spec, PlanEncoder.Mode.PidNamespace, new PlanCaller(0, TimeSpan.Zero, 0));
    }
}
