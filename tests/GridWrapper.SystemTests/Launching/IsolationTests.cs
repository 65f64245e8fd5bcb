using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>What docs/isolation.md says of payloads, held against the kernel.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(480_000)]
internal sealed class IsolationTests
{
    private RootlessTestbed _testbed = null!;

    [OneTimeSetUp]
    public async Task SetUpAsync() => _testbed = await RootlessTestbed.CreateAsync();

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [TestCase("cat /proc/1/environ"), TestCase("ls /proc/1/root"), TestCase("ls /proc/1/cwd/"), TestCase("ls /proc/1/fd"), TestCase("cat /proc/1/maps"), TestCase("head -c 1 /proc/1/mem"), TestCase("readlink /proc/1/exe")]
    [TestCase("cat /proc/kcore"), TestCase("mount -t tmpfs none /tmp"), TestCase("umount /proc"), TestCase("umount /tmp"), TestCase("echo 1 >/proc/sys/kernel/panic"), TestCase("busybox mknod /tmp/n b 8 0")]
    [TestCase("busybox chroot / true"), TestCase("busybox hostname other"), TestCase("echo b >/proc/sysrq-trigger"), TestCase("busybox mount -o remount,rw /")]
    public async Task ThePayloadCannot(string attempt)
    {
        (int code, string output, string errors) = await _testbed.ShellAsync($"({attempt}) && echo done", image: Image());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.Not.Zero, output);
            Assert.That(output, Does.Not.Contain("done"), errors);
        }
    }

    [Test]
    public async Task ItsFirstProcessCannotBeKilledFromInside()
    {
        (int code, string output, string errors) = await _testbed.ShellAsync("kill -9 1; kill -STOP 1; sleep 0.1; echo alive");
        Assert.That((code, output), Is.EqualTo((0, "alive\n")), errors);
    }

    [TestCase("new", "ENOSYS"), TestCase("keep", "the pilot's")]
    public async Task KeysOfThePilotAreOutOfReachUnlessTheProfileSaysOtherwise(string keyring, string expected)
    {
        string tools = _testbed.NewDirectory(), program = Path.Combine(tools, "keys");
        (int compiled, _, string messages) = await RootlessTestbed.ExecuteAsync(
            ["/usr/bin/musl-gcc", "-static", "-O1", "-o", program, Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "keys.c")], new RootlessTestbed.Launch());
        Assert.That(compiled, Is.Zero, messages);
        string profile = await ProfileAsync($$"""{ "name": "t", "isolation": { "keyring": "{{keyring}}" } }""");
        (int code, string output, string errors) = await _testbed.ShellAsync(
            "/tools/keys read $KEY", new RootlessTestbed.Launch { Before = [program, "add"] }, null, "--bind", $"{tools}:/tools", "--site", profile, "--env", "KEY=@KEY");
        Assert.That((code, output), Is.EqualTo((0, expected + "\n")), errors);
    }

    [Test]
    public async Task FakeRootIsRootAndChangesNothing()
    {
        (int code, string output, string errors) = await _testbed.ShellAsync(
            "id -u; id -g; touch /tmp/f; busybox chown 33:33 /tmp/f && busybox stat -c %u:%g /tmp/f; busybox mknod /tmp/n c 1 3 && echo made; umount /proc 2>/dev/null || echo held; head -n 1 /etc/passwd | busybox cut -d: -f1-4; ls /proc/1/root 2>/dev/null || echo closed",
            null, Image(), "--fake-root");
        Assert.That((code, output), Is.EqualTo((0, "0\n0\n0:0\nmade\nheld\nroot:x:0:0\nclosed\n")), errors);
    }

    [Test]
    public async Task TheDenyListRefusesAndLetsOrdinaryProgramsBe()
    {
        string profile = await ProfileAsync("""{ "name": "t", "isolation": { "seccomp": "deny" } }""");
        (int code, string output, string errors) = await _testbed.ShellAsync(
            "busybox unshare -r true || echo no; (sleep 0; exit 3) & wait $!; echo $?; busybox find /data -name kept | busybox xargs cat", null, Image(), "--site", profile);
        Assert.That((code, output), Is.EqualTo((0, "no\n3\nbase\n")), errors);
    }

    [Test]
    public async Task MaskedKernelFilesAreEmpty()
    {
        string profile = await ProfileAsync("""{ "name": "t", "isolation": { "maskKernelFiles": true } }""");
        (int code, string output, string errors) = await _testbed.ShellAsync("cat /proc/keys /proc/kallsyms /proc/modules; ls -A /sys/firmware /sys/kernel/security; cat /data/kept", null, Image(), "--site", profile);
        Assert.That((code, output.Replace("/sys/firmware:", "", StringComparison.Ordinal).Replace("/sys/kernel/security:", "", StringComparison.Ordinal).Trim()), Is.EqualTo((0, "base")), errors);
    }

    /// <summary>The container tool in a payload makes its own namespaces, its own /proc among them.</summary>
    [Test]
    public async Task NamespacesInNamespacesWork()
    {
        (int code, string output, string errors) = await _testbed.ShellAsync("busybox unshare -Urmpf busybox sh -c 'busybox mount -t proc proc /proc && busybox mount -t tmpfs none /tmp && echo $$ && id -u'", image: Image());
        Assert.That((code, output), Is.EqualTo((0, "1\n0\n")), errors);
    }

    [Test]
    public async Task AMissingRangeIsSaidAndTheJobRuns()
    {
        string profile = await ProfileAsync("""{ "name": "t", "identity": { "map": "range" } }""");
        (int code, string output, string errors) = await _testbed.ShellAsync(
            "cat /data/kept", new RootlessTestbed.Launch { Before = ["/usr/bin/setpriv", "--no-new-privs"] }, null, "--site", profile);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((code, output), Is.EqualTo((0, "base\n")), errors);
            Assert.That(errors.Split("a range of user ids was asked for and is not to be had"), Has.Length.EqualTo(2), errors);
        }
    }

    /// <summary>Needs to be root to show the user a passwd and a subuid of its own, in a mount namespace of the test's.</summary>
    [TestCase(false, "12345\n0 100000 12345\n12345 12345 1\n12346 112345 53191\nno\n"), TestCase(true, "0\n0 0 1\n1 1 65536\n33\n")]
    public async Task ARangeOfIdsIsReal(bool root, string expected)
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("not root: /etc/subuid cannot be replaced for the test");
        }

        string files = _testbed.NewDirectory(), profile = await ProfileAsync("""{ "name": "t", "identity": { "map": "range" } }""");
        await File.WriteAllTextAsync(Path.Combine(files, "passwd"), await File.ReadAllTextAsync("/etc/passwd") + "pool001:x:12345:12345::/tmp:/bin/sh\n");
        await File.WriteAllTextAsync(Path.Combine(files, "sub"), "pool001:100000:65536\n");
        const string Script = "id -u; while read -r a b c; do echo $a $b $c; done </proc/self/uid_map; touch /tmp/f; busybox chown 33:33 /tmp/f 2>/dev/null && busybox stat -c %u /tmp/f || echo no; busybox rm -f /tmp/f";
        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync(
            [
                "/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c", $"mount --bind {files}/sub /etc/subuid && mount --bind {files}/sub /etc/subgid && mount --bind {files}/passwd /etc/passwd && exec \"$@\"", "inside",
                "/usr/bin/setpriv", "--reuid", RootlessTestbed.User, "--regid", RootlessTestbed.User, "--clear-groups", "--",
                _testbed.Program, "exec", "--launcher", "rootless", "--site", profile, .. (ImmutableArray<string>)(root ? ["--fake-root"] : []), Image(), "--", "/bin/sh", "-c", Script,
            ],
            new RootlessTestbed.Launch { Directory = _testbed.NewDirectory(), Environment = ImmutableSortedDictionary<string, string>.Empty.Add("GRIDWRAP_CACHE", _testbed.NewDirectory()) });
        Assert.That((code, output), Is.EqualTo((0, expected)), errors);
    }

    /// <summary>One with a busybox that can be called by any name.</summary>
    private string Image()
    {
        string image = _testbed.NewImage();
        Directory.CreateDirectory(Path.Combine(image, "data"));
        File.WriteAllText(Path.Combine(image, "data", "kept"), "base\n");
        RootlessTestbed.Give(image);
        return image;
    }

    private async Task<string> ProfileAsync(string text)
    {
        string file = Path.Combine(_testbed.NewDirectory(), "site.json");
        await File.WriteAllTextAsync(file, text);
        RootlessTestbed.Give(file);
        return file;
    }
}
