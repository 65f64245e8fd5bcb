using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Probing;
using static GridWrapper.Launching.LaunchOperations;

namespace GridWrapper.Tests.Launching;

/// <summary>Which operations a request becomes, and in which order.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class RootlessOperationsTests
{
    private static readonly LaunchRequest Plain = Requests.With(Requests.Apptainer);

    [Test]
    public void APlainLaunchIsThis()
    {
        string[] expected =
        [
            "slave-root", "base /tmp", "scaffold /proc", "scaffold /sys", "scaffold /dev", "scaffold /tmp", "scaffold /var/tmp",
            "scaffold /etc/passwd file", "scaffold /etc/group file", "scaffold /etc/resolv.conf file", "scaffold /etc/hosts file", "scaffold /scratch/job>/scratch/job",
            "layer /cvmfs/unpacked.cern.ch/.flat/ab/abcd>", "overlay", "proc /proc", "bind /sys>/sys ro,optional", "devices /dev>/dev",
            "bind /cache/scratch/run-1>/tmp", "bind /cache/scratch/run-1>/var/tmp", "bind /scratch/job>/scratch/job",
            "identity uid1000:x:1000:1000:uid1000:/home:/bin/sh\n>/etc/passwd optional", "identity uid1000:x:1000:\n>/etc/group optional",
            "copy-file /etc/resolv.conf>/etc/resolv.conf optional", "copy-file /etc/hosts>/etc/hosts optional", "copy-file /etc/localtime>/etc/localtime optional",
            "read-only-root /", "enter /",
        ];
        Assert.That(Create(Plain).Select(Text), Is.EqualTo(expected));
    }

    [Test]
    public void AWritableRootIsNotMadeReadOnly()
    {
        LaunchRequest request = Plain with { Writable = true };
        Assert.That(Create(request).Select(o => o.Op), Does.Not.Contain(ReadOnlyRoot));
        Assert.That(Create(request).Single(o => o.Op == Overlay).Options, Is.EqualTo("writable"));
        Assert.That(Create(With(request, xattr: true)).Single(o => o.Op == Overlay).Options, Is.EqualTo("userxattr,writable"));
        Assert.That(Create(With(Plain, xattr: true)).Single(o => o.Op == Overlay).Options, Is.Empty);
        Assert.That(Create(Plain with { Rootfs = Plain.Rootfs with { UserXattr = true } }).Single(o => o.Op == Overlay).Options, Is.EqualTo("userxattr"));
    }

    [Test]
    public void WithoutAFreshProcTheHostsIsShown()
    {
        ImmutableArray<LaunchOperation> operations = RootlessOperations.Create(Plain, "/", "/home", freshProc: false);
        Assert.That(operations, Does.Contain(new LaunchOperation(Bind, "/proc", "/proc")));
        Assert.That(operations.Select(o => o.Op), Does.Not.Contain(Proc));
    }

    [Test]
    public void LayersThatAreServedAreMountedFirstAndStackedLikeOthers()
    {
        LaunchRequest request = Plain with
        {
            Rootfs = Plain.Rootfs with { LowerDirectories = ["/c/mount/top", "/cvmfs/base"], UserXattr = true, Packed = new Dictionary<string, string> { ["/c/mount/top"] = "/c/packed/top" } },
        };
        string[] operations = [.. Create(request).Select(Text)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(operations[..3], Is.EqualTo((string[])["slave-root", "serve /c/mount", "base /tmp"]));
            Assert.That(operations.Where(o => o.StartsWith("layer", StringComparison.Ordinal) || o.StartsWith("overlay", StringComparison.Ordinal)), Is.EqualTo((string[])["layer /c/mount/top>", "layer /cvmfs/base>", "overlay  userxattr"]));
        }
    }

    [Test]
    public void WithoutOverlayTheImageIsTheRootAndScaffoldsComeAfterIt()
    {
        LaunchRequest request = WithoutOverlay(Plain);
        string[] operations = [.. Create(request).Select(o => o.Op)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(operations[..4], Is.EqualTo((string[])["slave-root", "base", "underlay", "scaffold"]));
            Assert.That(operations, Does.Not.Contain(Overlay).And.Not.Contain(Layer).And.Contain(ReadOnlyRoot));
            Assert.That(
                () => Create(request with { Rootfs = request.Rootfs with { LowerDirectories = ["/a", "/b"] } }),
                Throws.TypeOf<GridWrapperException>().With.Message.Contains("2 layers cannot be put together").And.Property("Failure").Property("Blame").EqualTo(Blame.Site));
        }
    }

    [Test]
    public void TheJobDirectoryHasASecondPlace()
    {
        Assert.That(Binds(Plain with { DataDirectory = "/ctrdata" }), Is.EqualTo((string[])["/cache/scratch/run-1>/tmp", "/scratch/job>/ctrdata", "/cache/scratch/run-1>/var/tmp", "/scratch/job>/scratch/job"]));
        Assert.That(Binds(Plain with { DataDirectory = "/scratch/job" }), Has.Length.EqualTo(3));
    }

    [Test]
    public void ParentsComeBeforeChildrenAndTheLaterOfTwoWins()
    {
        LaunchRequest request = Plain with
        {
            CvmfsRoot = "/mnt/cvmfs",
            Binds = [new("/1", "/a/b/c", false, false), new("/2", "/a", true, false), new("/3", "/x", false, false), new("/4", "//x/./", true, true), new("/5", "/tmp", false, false), new("/6", "/a/../e/f/", false, true)],
        };
        Assert.That(Binds(request), Is.EqualTo((string[])
            ["/mnt/cvmfs>/cvmfs optional", "/2>/a ro", "/4>/x ro,optional", "/5>/tmp", "/cache/scratch/run-1>/var/tmp", "/scratch/job>/scratch/job", "/6>/e/f optional", "/1>/a/b/c"]));
    }

    [TestCase("/"), TestCase("//"), TestCase("/x/.."), TestCase("/../..")]
    public void NothingTakesThePlaceOfTheRoot(string target) =>
        Assert.That(() => Create(Plain with { Binds = [new("/1", target, false, false)] }), Throws.TypeOf<GridWrapperException>().With.Property("Failure").Property("Blame").EqualTo(Blame.User));

    [TestCase("/home/u/job", true), TestCase("/tmp/x", true), TestCase("/scratch", true), TestCase("/usrlocal", true), TestCase("/var/lib/condor", true)]
    [TestCase("/", false), TestCase("/usr", false), TestCase("/usr/local/job", false), TestCase("/etc/x", false), TestCase("/lib64", false), TestCase("/proc/1", false), TestCase("/dev/shm/job", false)]
    public void AHostDirectoryIsShownWhereItHidesNothingOfTheImage(string directory, bool shown)
    {
        Assert.That(RootlessOperations.CanBeShown(directory), Is.EqualTo(shown));
        Assert.That(Binds(Plain with { JobDirectory = directory }).Contains($"{directory}>{directory}"), Is.EqualTo(shown));
    }

    [Test]
    public void GpusAreBoundIntoTheNewDev()
    {
        ImmutableArray<LaunchOperation> operations = Create(Plain with { Gpu = new GpuSupply { Devices = ["/dev/nvidia0", "/dev/dri/card0"] } });
        int devices = operations.IndexOf(new LaunchOperation(Devices, "/dev", "/dev"));
        Assert.That(operations.Skip(devices + 1).Take(2), Is.EqualTo((LaunchOperation[])[new(Bind, "/dev/nvidia0", "/dev/nvidia0", "optional"), new(Bind, "/dev/dri/card0", "/dev/dri/card0", "optional")]));
    }

    [Test]
    public void WhatTheUserBindsIsNotReplaced()
    {
        LaunchRequest request = Plain with { Binds = [new("/my/resolv", "/etc/resolv.conf", true, false)] };
        Assert.That(Create(request).Count(o => o.Target == "/etc/resolv.conf" && o.Op == CopyFile), Is.Zero);
        Assert.That(Create(request).Count(o => o.Op == CopyFile), Is.EqualTo(2));
        Assert.That(Create(Plain with { Binds = [new("/my/etc", "/etc", false, false)] }).Where(o => o.Op is CopyFile or Identity), Is.Empty);
    }

    [TestCase(1000, "me", "/home/me", "me:x:1000:100:me:/home/me:/bin/sh\n", "me:x:100:\n")]
    [TestCase(1000, null, "/a b", "uid1000:x:1000:100:uid1000:/a b:/bin/sh\n", "uid1000:x:100:\n")]
    [TestCase(1000, "", "/a:b", "uid1000:x:1000:100:uid1000:/:/bin/sh\n", "uid1000:x:100:\n")]
    [TestCase(1000, "a:0:0", "/a\nb", "uid1000:x:1000:100:uid1000:/:/bin/sh\n", "uid1000:x:100:\n")]
    [TestCase(0, null, "/root", "root:x:0:100:root:/root:/bin/sh\n", "root:x:100:\n")]
    public void TheIdentityLinesCannotBeBrokenOutOf(int uid, string? user, string home, string passwd, string group)
    {
        NodeFacts node = Plain.Plan.Host.Node with { Uid = (uint)uid, Gid = 100, UserName = user! };
        LaunchRequest request = Plain with { Plan = Plain.Plan with { Host = Plain.Plan.Host with { Node = node } } };
        Assert.That(RootlessOperations.Create(request, "/", home, true).Where(o => o.Op == Identity).Select(o => o.Source), Is.EqualTo((string[])[passwd, group]));
    }

    [TestCase("/data/work", "/data/work"), TestCase("/", null), TestCase("/../old/tmp/x", "/old/tmp/x"), TestCase("/a//b/../c/.", "/a/c"), TestCase("/scratch/job/sub", null)]
    public void TheInitialDirectoryIsMadeInsideOnly(string directory, string? made)
    {
        LaunchRequest request = Plain with { Rootfs = Plain.Rootfs with { Config = Requests.Config with { WorkingDir = "/x" } } };
        LaunchOperation[] operations = [.. RootlessOperations.Create(request, directory, "/", true)];
        int last = Array.FindLastIndex(operations, o => o.Op == Scaffold);
        Assert.That(operations[last].Source is null ? operations[last].Target : null, Is.EqualTo(made));
    }

    private static LaunchRequest With(LaunchRequest request, bool xattr)
    {
        StepResult no = new(false, "EPERM", "");
        NamespaceFacts facts = new()
        {
            UserNamespace = StepResult.Ok, Bind = StepResult.Ok, Overlay = StepResult.Ok, OverlayUserXattr = xattr ? StepResult.Ok : no, FreshProc = StepResult.Ok, Pivot = StepResult.Ok,
        };
        return request with { Plan = request.Plan with { Host = request.Plan.Host with { Namespaces = new Fact<NamespaceFacts>.Known(facts) } } };
    }

    private static LaunchRequest WithoutOverlay(LaunchRequest request)
    {
        StepResult no = new(false, "ENODEV", "overlay-test: ENODEV");
        NamespaceFacts facts = new()
        {
            UserNamespace = StepResult.Ok, Bind = StepResult.Ok, Overlay = no, OverlayUserXattr = no, FreshProc = StepResult.Ok, Pivot = StepResult.Ok,
        };
        return request with { Plan = request.Plan with { Host = request.Plan.Host with { Namespaces = new Fact<NamespaceFacts>.Known(facts) } } };
    }

    private static ImmutableArray<LaunchOperation> Create(LaunchRequest request) => RootlessOperations.Create(request, "/", "/home", freshProc: true);

    private static string[] Binds(LaunchRequest request) =>
        [.. Create(request).Where(o => o.Op == Bind && o.Target is not "/sys").Select(o => Text(o)["bind ".Length..])];

    private static string Text(LaunchOperation o) => $"{o.Op} {(o.Source is null ? "" : o.Source + ">")}{o.Target} {o.Options}".TrimEnd(' ');
}
