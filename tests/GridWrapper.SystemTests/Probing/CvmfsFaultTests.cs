using System.Diagnostics;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using GridWrapper.Tests.Probing;

namespace GridWrapper.SystemTests.Probing;

/// <summary>A CVMFS that is healthy, stopped, dead, silent or broken, on the real kernel, looked at by real disposable children.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CvmfsFaultTests : IDisposable
{
    private const string Repository = "unpacked.test";

    private readonly Scratch _scratch = new();
    private readonly FakeCvmfsTree _tree;
    private readonly FakeImage _image = new();
    private readonly ProbeChildren _gate;

    public CvmfsFaultTests()
    {
        _tree = new FakeCvmfsTree(Path.Combine(_scratch.Path, "source"), Repository);
        _tree.Publish(_image);
        ProbeProgram program = new(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "gridwrap.dll")]);
        _gate = new ProbeChildren(program, TimeProvider.System);
    }

    private string Root => Path.Combine(_scratch.Path, "cvmfs");

    private SiteProfile Site => new() { Name = "test", Cvmfs = new CvmfsPolicy { Root = Root, ImageRepositories = [Repository], FirstTouchSeconds = 5, StepSeconds = 5 } };

    [SetUp]
    public void Needs_a_fake_mount()
    {
        if (FakeCvmfsMount.Impossible is { } why)
        {
            Assert.Ignore(why);
        }
    }

    public void Dispose() => _scratch.Dispose();

    private FakeCvmfsMount Mount(params string[] options) =>
        new(_tree.Top, Path.Combine(Root, Repository), ["--fqrn", Repository, "--attribute", "user.revision=42", "--attribute", "user.host=http://stratum1.test", .. options]);

    private async Task<CvmfsRepositoryFacts> ProbeAsync(SiteProfile? site = null) =>
        (await new CvmfsProbe(_gate).ProbeAsync((site ?? Site).Cvmfs, [Repository], CancellationToken.None)).Repositories[0];

    private SiteProfile Hasty(double seconds) => Site with { Cvmfs = Site.Cvmfs with { FirstTouchSeconds = seconds, StepSeconds = seconds } };

    [Test]
    [CancelAfter(60_000)]
    public async Task A_healthy_repository_is_recognised_and_its_image_verified()
    {
        using FakeCvmfsMount mount = Mount();
        CvmfsRepositoryFacts facts = await ProbeAsync();
        Assert.That((facts.State, facts.Attributes["revision"], facts.LeakedProbePid), Is.EqualTo((CvmfsState.Healthy, "42", (int?)null)), facts.Detail);
        Fact<CvmfsImage> found = await FindAsync(facts);
        Assert.That(found.IsKnown(out CvmfsImage image), Is.True, found.Why);
        Assert.That((image.Verification, image.FlatPath), Is.EqualTo((Verification.Verified, Path.Combine(Root, Repository, CvmfsPath.Flat(_image.ConfigDigest)))));
        Rootfs rootfs = await new CvmfsFlatStrategy(_gate).MaterialiseAsync(Input(facts, found), RootfsForm.Stack, CancellationToken.None);
        Assert.That(rootfs.LowerDirectories, Is.EqualTo((string[])[image.FlatPath]));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_stopped_client_is_slow_within_the_deadline_and_healthy_again_when_it_goes_on()
    {
        using FakeCvmfsMount mount = Mount();
        mount.Stop();
        long start = Stopwatch.GetTimestamp();
        CvmfsRepositoryFacts facts = await ProbeAsync(Hasty(1.5));
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        Assert.That(facts.State, Is.EqualTo(CvmfsState.Slow), facts.Detail);
        Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(4)));
        Assert.That(facts.Detail, Does.Contain("step 'open'"));
        mount.Continue();
        Assert.That((await ProbeAsync()).State, Is.EqualTo(CvmfsState.Healthy));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_client_that_takes_a_request_and_never_answers_hangs_the_child_but_not_us()
    {
        FakeCvmfsMount mount = Mount("--hang", "/");
        int leaked;
        try
        {
            CvmfsRepositoryFacts facts = await ProbeAsync(Hasty(1.5));
            Assert.That(facts.State, Is.EqualTo(CvmfsState.Hung), facts.Detail);
            Assert.That(facts.Seconds, Is.LessThan(4.5));
            leaked = facts.LeakedProbePid!.Value;
            Assert.That(Directory.Exists($"/proc/{leaked}"), Is.True);

            CvmfsRepositoryFacts again = await ProbeAsync();
            Assert.That((again.State, again.LeakedProbePid), Is.EqualTo((CvmfsState.Hung, (int?)leaked)), "a repository that hung is not touched again");
            Assert.That(again.Seconds, Is.LessThan(0.5));
            Assert.That(_gate.LeakedPids, Is.EqualTo((int[])[leaked]));
        }
        finally
        {
            mount.Dispose();
        }

        Assert.That(() => Directory.Exists($"/proc/{leaked}"), Is.False.After(5000, 50), "the child ends when the mount's server does");
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_killed_client_is_dead()
    {
        using FakeCvmfsMount mount = Mount();
        mount.Kill();
        CvmfsRepositoryFacts facts = await ProbeAsync();
        Assert.That((facts.State, facts.Errno), Is.EqualTo((CvmfsState.Dead, "ENOTCONN")), facts.Detail);
        Verdict verdict = new CvmfsFlatStrategy(_gate).Judge(Input(facts, await FindAsync(facts)), RootfsForm.Tree);
        Assert.That(verdict, Is.TypeOf<Verdict.Refused>().With.Property("PilotErrorCode").EqualTo(PilotError.CvmfsNotAlive).And.Property("Reason").Contains("dead"));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Errors_of_the_root_directory_are_a_broken_repository()
    {
        using FakeCvmfsMount mount = Mount("--eio", "/");
        CvmfsRepositoryFacts facts = await ProbeAsync();
        Assert.That((facts.State, facts.Errno), Is.EqualTo((CvmfsState.Broken, "EIO")), facts.Detail);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Rising_errors_and_another_name_are_seen()
    {
        using FakeCvmfsMount mount = Mount("--nioerr-rises");
        CvmfsRepositoryFacts facts = await ProbeAsync();
        Assert.That(facts.Warnings, Has.Some.Contains("I/O errors rose"));
        using FakeCvmfsMount other = new(_tree.Top, Path.Combine(Root, "other.test"), "--fqrn", Repository);
        CvmfsFacts named = await new CvmfsProbe(_gate).ProbeAsync(Site.Cvmfs, ["other.test"], CancellationToken.None);
        Assert.That((named.Repositories[0].State, named.Repositories[0].Detail), Is.EqualTo((CvmfsState.Copy, $"a CVMFS mount that calls itself {Repository}")));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_mount_that_lists_nothing_is_broken_and_an_unmounted_directory_absent()
    {
        string empty = Path.Combine(_scratch.Path, "empty");
        Directory.CreateDirectory(empty);
        using (FakeCvmfsMount mount = new(empty, Path.Combine(Root, Repository), "--fqrn", Repository))
        {
            Assert.That((await ProbeAsync()).State, Is.EqualTo(CvmfsState.Broken));
        }

        Assert.That((await ProbeAsync()).State, Is.EqualTo(CvmfsState.Absent));
        Directory.Delete(Path.Combine(Root, Repository));
        Directory.Delete(Root);
        Assert.That((await ProbeAsync()).Detail, Does.Contain("has no"));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_hang_below_one_image_leaves_the_repository_healthy_and_the_image_unknown()
    {
        string flat = "/" + CvmfsPath.Flat(_image.ConfigDigest);
        using FakeCvmfsMount mount = Mount("--hang", flat);
        CvmfsRepositoryFacts facts = await ProbeAsync();
        Assert.That(facts.State, Is.EqualTo(CvmfsState.Healthy), facts.Detail);
        Fact<CvmfsImage> found = await FindAsync(facts, Hasty(1.5));
        Assert.That(found, Is.TypeOf<Fact<CvmfsImage>.Unknown>().With.Property("Reason").Contains("no answer at step 'flat'"));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_tree_that_stops_answering_after_the_plan_is_a_failure_that_the_next_candidate_can_follow()
    {
        using FakeCvmfsMount mount = Mount();
        CvmfsRepositoryFacts facts = await ProbeAsync();
        PlanInput input = Input(facts, await FindAsync(facts)) with { Site = Hasty(1.5) };
        mount.Kill();
        GridWrapperException thrown = Assert.ThrowsAsync<GridWrapperException>(() => new CvmfsFlatStrategy(_gate).MaterialiseAsync(input, RootfsForm.Tree, CancellationToken.None));
        Assert.That((thrown.Failure.Blame, thrown.Failure.PilotErrorCode, thrown.Failure.Errno, thrown.Failure.Retryable), Is.EqualTo((Blame.Cvmfs, PilotError.CvmfsNotAlive, "ENOTCONN", true)));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task A_keeper_makes_the_mount_busy_until_it_is_let_go_and_a_path_in_cvmfs_is_resolved()
    {
        using FakeCvmfsMount mount = Mount();
        string mountPoint = Path.Combine(Root, Repository);
        ImmutableArray<int> pids;
        await using (CvmfsKeeper keeper = await CvmfsKeeper.StartAsync([mountPoint, Path.Combine(Root, "none")], TimeSpan.FromSeconds(5), CancellationToken.None))
        {
            pids = keeper.Pids;
            Assert.That(keeper.Held, Is.EqualTo((string[])[mountPoint]));
            Assert.That(Umount(mountPoint), Is.Not.Zero, "busy");
            Fact<PathImage> path = await new PathProbe(_gate).FindAsync(Path.Combine(mountPoint, _image.PublicName), Site.Cvmfs, CancellationToken.None);
            Assert.That(path, Is.EqualTo(new Fact<PathImage>.Known(new PathImage(Path.Combine(mountPoint, CvmfsPath.Flat(_image.ConfigDigest)), "directory", true))));
        }

        Assert.That(pids, Has.None.Matches<int>(p => Directory.Exists($"/proc/{p}")));
        Assert.That(Umount(mountPoint), Is.Zero);
    }

    private static int Umount(string mountPoint)
    {
        using Process umount = Process.Start(new ProcessStartInfo("/bin/umount", [mountPoint]) { RedirectStandardError = true })!;
        umount.WaitForExit();
        return umount.ExitCode;
    }

    private Task<Fact<CvmfsImage>> FindAsync(CvmfsRepositoryFacts facts, SiteProfile? site = null) =>
        new CvmfsImageProbe(_gate).FindAsync(
            new ImageReference.InRegistry("docker.io", "library/demo", "1", null),
            Resolved,
            new CvmfsFacts { Root = Root, Repositories = [facts] },
            new ImageSearch(site ?? Site, new Platform("linux", "amd64")),
            CancellationToken.None);

    private Fact<ResolvedImage> Resolved => new Fact<ResolvedImage>.Known(new ResolvedImage(_image.Manifest, new ImageConfig { Platform = new Platform("linux", "amd64") }));

    private PlanInput Input(CvmfsRepositoryFacts facts, Fact<CvmfsImage> found) => new()
    {
        Site = Site,
        Host = new HostFacts
        {
            Node = NodeProbe.Probe("/", ImmutableDictionary<string, string>.Empty),
            Cvmfs = new Fact<CvmfsFacts>.Known(new CvmfsFacts { Root = Root, Repositories = [facts] }),
        },
        Image = new ImageFacts { Reference = new ImageReference.InRegistry("docker.io", "library/demo", "1", null), Resolved = Resolved, Cvmfs = found },
        CacheDirectory = "/nonexistent",
    };
}
