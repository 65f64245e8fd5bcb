using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>Features of the kernel switched off one by one: each launch works another way, or is refused by name with exit 75 and the line that mends it.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(480_000)]
internal sealed class KernelFeatureTests
{
    private const string MissingMountPoints = "echo here >/data/new/file/at/x; touch /x /data/y 2>/dev/null; echo $?; cat /data/kept; ls /data/new/file/at";

    private RootlessTestbed _testbed = null!;
    private string _deny = "";
    private string _bound = "";

    [OneTimeSetUp]
    public async Task SetUpAsync()
    {
        _testbed = await RootlessTestbed.CreateAsync();
        _deny = Path.Combine(_testbed.NewDirectory(), "deny");
        _bound = _testbed.NewDirectory();
        (int code, _, string errors) = await RootlessTestbed.ExecuteAsync(
            ["/usr/bin/gcc", "-std=gnu11", "-O1", "-o", _deny, Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "deny.c")], new RootlessTestbed.Launch());
        Assert.That(code, Is.Zero, errors);
    }

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [TestCase("openat2"), TestCase("openat2=ENOSYS"), TestCase("close_range"), TestCase("close_range=ENOSYS"), TestCase("mount_setattr"), TestCase("open_tree,move_mount"), TestCase("fsopen")]
    [TestCase("pivot_root"), TestCase("memfd_create"), TestCase("memfd_create=ENOSYS"), TestCase("clone3=ENOSYS"), TestCase("keyctl"), TestCase("seccomp=ENOSYS"), TestCase("setns")]
    [TestCase("openat2=ENOSYS,close_range=ENOSYS,mount_setattr=ENOSYS,open_tree=ENOSYS,move_mount=ENOSYS,fsopen=ENOSYS,clone3=ENOSYS")]
    [TestCase("overlay"), TestCase("overlay,mount_setattr"), TestCase("overlay,open_tree"), TestCase("overlay,openat2"), TestCase("overlay,pivot_root")]
    public async Task TheLaunchComesToTheSame(string rules)
    {
        (int code, string output, string errors) = await DeniedAsync(rules, MissingMountPoints, "--bind", $"{_bound}:/data/new/file/at");
        Assert.That((code, output), Is.EqualTo((0, "1\nbase\nx\n")), errors);
    }

    [TestCase("overlay"), TestCase("pivot_root"), TestCase("openat2,open_tree,mount_setattr,close_range")]
    public async Task NothingMoreThanUsualIsInReach(string rules)
    {
        const string Script = "ls /old /root/old 2>/dev/null; grep -c ' /old' /proc/self/mountinfo; touch /bin/x /etc/x /usr/x /data/x 2>&1 | grep -vc 'Read-only'; ls /proc/self/fd | wc -l; grep CapBnd /proc/self/status";
        (int code, string output, string errors) = await DeniedAsync(rules, Script);
        Assert.That((code, output), Is.EqualTo((0, "0\n0\n4\nCapBnd:\t0000000000000000\n")), errors);
    }

    [TestCase("unshare", "user namespaces do not work here (unshare: EPERM)", "user.max_user_namespaces"), TestCase("mount", "user namespaces do not work here (slave-root: EPERM)", "must allow mount(2)")]
    [TestCase("pivot_root,chroot", "(base: EPERM)", "")]
    public async Task WhatCannotWorkIsRefusedByName(string rules, string reason, string mending)
    {
        (int code, string output, string errors) = await DeniedAsync(rules, "echo never");
        Assert.That((code, output), Is.EqualTo((75, "")), errors);
        Assert.That(errors, Does.Contain(reason).And.Contain(mending));
    }

    [Test]
    public async Task AWritableRootWithoutOverlayIsRefused()
    {
        string[] blind = ["/usr/bin/unshare", "-Urm", "--propagation", "private", "/bin/sh", "-c", "mount --bind /dev/null /dev/fuse && exec \"$@\"", "inside"];
        (int code, _, string errors) = await _testbed.ShellAsync("echo never", new RootlessTestbed.Launch { Before = [.. blind, _deny, "overlay"] }, null, "--writable");
        Assert.That((code, errors), Is.EqualTo((75, errors)).And.Matches<(int, string)>(r => r.Item2.Contains("a writable root needs overlay", StringComparison.Ordinal)));
    }

    [Test]
    public async Task NoUserNamespacesAtAll()
    {
        (int code, _, string errors) = await InsideAsync("echo 0 >/proc/sys/user/max_user_namespaces", "echo never");
        Assert.That(code, Is.EqualTo(75), errors);
        Assert.That(errors, Does.Contain("unshare: ENOSPC").And.Contain("user.max_user_namespaces > 0"));
    }

    [TestCase("user.max_ipc_namespaces"), TestCase("user.max_uts_namespaces")]
    public async Task NamespacesThatAreNotNeededMayBeMissing(string limit)
    {
        (int code, string output, string errors) = await InsideAsync($"echo 0 >/proc/sys/{limit.Replace('.', '/')}", "cat /data/kept; echo $$");
        Assert.That((code, output), Is.EqualTo((0, "base\n2\n")), errors);
    }

    /// <summary>Without a pid namespace the payload's own number is not 2, and its /proc still tells of itself.</summary>
    [TestCase("mount -t tmpfs none /proc/irq", Description = "a masked /proc"), TestCase("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys", Description = "read-only kernel settings")]
    [TestCase("echo 0 >/proc/sys/user/max_pid_namespaces", Description = "no pid namespaces")]
    public async Task WithoutAFreshProcThereIsTheNodes(string mask)
    {
        (int code, string output, string errors) = await InsideAsync(mask, "[ $$ -gt 2 ] && echo outer; cat /proc/self/comm; (sleep 4242 &) ; exit 7");
        Assert.That((code, output), Is.EqualTo((7, "outer\ncat\n")), errors);
        await _testbed.NothingLeftAsync("sleep 4242");
    }

    [Test]
    public async Task NoFuseDeviceIsNotNoticed()
    {
        (int code, string output, string errors) = await InsideAsync("mount --bind /dev/null /dev/fuse", "cat /data/kept");
        Assert.That((code, output), Is.EqualTo((0, "base\n")), errors);
    }

    [Test]
    public async Task AReadOnlyTmpIsEnoughToStandOn()
    {
        (int code, string output, string errors) = await InsideAsync(
            $"mount --bind '{_testbed.Base}' '{_testbed.Base}' && mount --rbind /tmp /tmp && mount -o remount,bind,ro /tmp && cd '{_testbed.Cache}'", "cat /data/kept; echo x >/tmp/y && echo written");
        Assert.That((code, output), Is.EqualTo((0, "base\nwritten\n")), errors);
    }

    private Task<(int Code, string Output, string Errors)> DeniedAsync(string rules, string script, params string[] options) =>
        _testbed.ShellAsync(script, new RootlessTestbed.Launch { Before = [_deny, rules] }, null, options);

    /// <summary>In a user and mount namespace of its own, where something was done before; the caller is root there.</summary>
    private Task<(int Code, string Output, string Errors)> InsideAsync(string before, string script) => _testbed.ShellAsync(
        script, new RootlessTestbed.Launch { Before = ["/usr/bin/unshare", "-Urm", "--propagation", "private", "/bin/sh", "-c", before + " && exec \"$@\"", "inside"] });
}
