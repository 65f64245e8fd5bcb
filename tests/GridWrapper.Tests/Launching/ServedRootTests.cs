using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Linux;
using GridWrapper.Serving;
using GridWrapper.Strategies;

namespace GridWrapper.Tests.Launching;

/// <summary>What a launch does for a root that gridwrap serves, and what it means when that fails.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ServedRootTests
{
    private static readonly Rootfs Root = new() { Strategy = "packed", LowerDirectories = ["/cache/mount"], IsServed = true };

    [Test]
    public void It_is_mounted_before_the_host_moves_aside_and_needs_no_overlay()
    {
        ImmutableArray<LaunchOperation> operations = Operations(writable: false);
        string[] names = [.. operations.Select(o => o.Op)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(names[..4], Is.EqualTo(new[] { LaunchOperations.SlaveRoot, LaunchOperations.Serve, LaunchOperations.Base, LaunchOperations.Underlay }));
            Assert.That(operations[1], Is.EqualTo(new LaunchOperation(LaunchOperations.Serve, null, "/cache/mount")));
            Assert.That(operations[3].Source, Is.EqualTo("/cache/mount"));
            Assert.That(names, Does.Not.Contain(LaunchOperations.Overlay).And.Contain(LaunchOperations.ReadOnlyRoot));
        }
    }

    [Test]
    public void To_be_written_to_it_needs_one()
    {
        ImmutableArray<LaunchOperation> operations = Operations(writable: true);
        Assert.That(operations.Select(o => o.Op), Does.Contain(LaunchOperations.Serve).And.Contain(LaunchOperations.Overlay).And.Not.Contain(LaunchOperations.Underlay));
        Assert.That(operations.Single(o => o.Op == LaunchOperations.Layer).Source, Is.EqualTo("/cache/mount"));
    }

    [Test]
    public void Its_mount_points_are_those_whose_sources_are_there()
    {
        ImmutableArray<LaunchOperation> operations =
        [
            new(LaunchOperations.Scaffold, null, "/proc"), new(LaunchOperations.Scaffold, null, "/etc/passwd", "file"), new(LaunchOperations.Scaffold, "/host/dir", "/data/in"),
            new(LaunchOperations.Scaffold, "/host/file", "/opt/tool"), new(LaunchOperations.Scaffold, "/host/none", "/gone", "optional"), new(LaunchOperations.CopyFile, "/etc/localtime", "/etc/localtime", "optional"),
            new(LaunchOperations.Bind, "/host/dir", "/not/by/this"),
        ];
        NodeTable tree = new();
        ServedScaffolds.Make(tree, operations, [0, 0, 1, 2, 0, 2, 1]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Mode(tree, "proc"), Is.EqualTo(0x41ED));
            Assert.That(Mode(tree, "etc", "passwd"), Is.EqualTo(0x81A4));
            Assert.That(Mode(tree, "data", "in"), Is.EqualTo(0x41ED));
            Assert.That(Mode(tree, "opt", "tool"), Is.EqualTo(0x81A4));
            Assert.That(Mode(tree, "etc", "localtime"), Is.EqualTo(0x81A4));
            Assert.That((Mode(tree, "gone"), Mode(tree, "not")), Is.EqualTo((0u, 0u)));
        }
    }

    [TestCase(Errno.EACCES, "mode 0666")]
    [TestCase(Errno.ENOENT, "mode 0666")]
    [TestCase(Errno.EPERM, "Linux 4.18")]
    [TestCase(Errno.ENOTCONN, "gridwrap.log")]
    [TestCase(Errno.ETIMEDOUT, "gridwrap.log")]
    [TestCase(Errno.ENOSPC, "Another way")]
    public void A_mount_that_is_refused_is_the_sites_matter(int errno, string advice)
    {
        LaunchSpec spec = new()
        {
            Launcher = "rootless", Argv = ["/bin/true"], Environment = ImmutableSortedDictionary<string, string>.Empty, WorkingDirectory = "/", Operations = [new(LaunchOperations.Serve, null, "/cache/mount")],
        };
        Failure failure = RootlessFailure.From(new InitReport(InitReportKind.SetupFailed, 0, errno, 0, 0, 0), spec);
        Assert.That((failure.Blame, failure.Phase, failure.Step, failure.Errno, failure.Retryable), Is.EqualTo((Blame.Site, Phase.Launch, "serve", Errno.Name(errno), true)));
        Assert.That(failure.Message, Does.Contain(advice).And.Contain("/cache/mount"));
    }

    private static ImmutableArray<LaunchOperation> Operations(bool writable) =>
        RootlessOperations.Create(Requests.With(Requests.Apptainer) with { Rootfs = Root, Writable = writable }, "/", "/", freshProc: true);

    private static uint Mode(NodeTable tree, params string[] names)
    {
        int node = names.Aggregate(NodeTable.Root, (at, name) => at < 0 ? at : tree.Find(at, Encoding.UTF8.GetBytes(name)));
        return node < 0 ? 0 : tree[node].Mode;
    }
}
