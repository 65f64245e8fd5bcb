using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using GridWrapper.Tests.Probing;

namespace GridWrapper.Tests.Strategies;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class CvmfsFlatStrategyTests
{
    private const string Repository = "unpacked.test";

    private static readonly FakeImage Image = new();

    private static readonly ImageConfig RegistryConfig = new() { Platform = new Platform("linux", "amd64"), Digest = Image.ConfigDigest, WorkingDir = "/from-registry" };

    private static readonly ImageConfig TreeConfig = new() { Platform = new Platform("linux", "amd64"), Cmd = ["from-tree"] };

    private static readonly Digest OtherDigest = Digest.Of("another image"u8);

    private static CvmfsImage Found(Verification verification) => new()
    {
        Repository = Repository,
        FlatPath = "/cvmfs/unpacked.test/.flat/xx/yy",
        ConfigDigest = verification == Verification.Stale ? OtherDigest : Image.ConfigDigest,
        PublicName = "docker.io/library/demo:1",
        StaleName = verification == Verification.Stale ? OtherDigest : null,
        Verification = verification,
        ConfigFromTree = TreeConfig,
    };

    private static PlanInput Input(Fact<CvmfsImage> cvmfs, CvmfsState state = CvmfsState.Healthy, CvmfsPolicy? policy = null, bool resolved = true) => new()
    {
        Site = new SiteProfile { Name = "test", Cvmfs = (policy ?? new CvmfsPolicy()) with { ImageRepositories = [Repository] } },
        Host = new HostFacts
        {
            Node = NodeProbe.Probe("/nonexistent", ImmutableDictionary<string, string>.Empty),
            Cvmfs = new Fact<CvmfsFacts>.Known(new CvmfsFacts
            {
                Root = "/cvmfs",
                Repositories = [new CvmfsRepositoryFacts { Name = Repository, Path = "/cvmfs/" + Repository, State = state, Detail = "as seen", Seconds = 0, Errno = state == CvmfsState.Dead ? "ENOTCONN" : null }],
            }),
        },
        Image = new ImageFacts
        {
            Reference = new ImageReference.InRegistry("docker.io", "library/demo", "1", null),
            Resolved = resolved ? new Fact<ResolvedImage>.Known(new ResolvedImage(Image.Manifest, RegistryConfig)) : new Fact<ResolvedImage>.Unknown("the registry is down"),
            Cvmfs = cvmfs,
        },
        CacheDirectory = "/nonexistent",
    };

    private static Verdict Judge(PlanInput input) => new CvmfsFlatStrategy(new InProcessChildren()).Judge(input, RootfsForm.Stack);

    private static Fact<CvmfsImage> Known(Verification verification) => new Fact<CvmfsImage>.Known(Found(verification));

    [Test]
    public void A_verified_tree_is_usable_for_next_to_nothing()
    {
        Verdict verdict = Judge(Input(Known(Verification.Verified)));
        Assert.That(verdict, Is.TypeOf<Verdict.Usable>().With.Property("Cost").Matches<Cost>(c => c is { Bytes: 0, Files: 0, Requests: 0, Seconds: < 1 }));
    }

    [Test]
    public void Without_the_registry_s_answer_the_policy_decides([Values("accept", "refuse")] string policy)
    {
        Verdict verdict = Judge(Input(Known(Verification.Unverified), policy: new CvmfsPolicy { UnverifiedImages = policy }, resolved: false));
        Assert.That(verdict, policy == "accept" ? Is.TypeOf<Verdict.Usable>() : Is.TypeOf<Verdict.Refused>().With.Property("Reason").Contains("the registry is down"));
    }

    [Test]
    public void A_stale_tree_is_refused_with_both_digests_unless_the_policy_accepts_it([Values("accept", "refuse")] string policy)
    {
        Verdict verdict = Judge(Input(Known(Verification.Stale), policy: new CvmfsPolicy { StaleImages = policy }));
        Assert.That(
            verdict,
            policy == "accept"
                ? Is.TypeOf<Verdict.Usable>().With.Property("Reason").Contains("stale")
                : Is.TypeOf<Verdict.Refused>().With.Property("Reason").Contains(OtherDigest.ToString()).And.Property("Reason").Contains(Image.ConfigDigest.ToString()).And.Property("Blame").EqualTo(Blame.Cvmfs));
    }

    /// <summary>A rule about digests or signatures of the site's image policy is stronger than its leniency with CVMFS.</summary>
    [TestCase(nameof(Verification.Stale), false)]
    [TestCase(nameof(Verification.Unverified), false)]
    [TestCase(nameof(Verification.Verified), true)]
    public void Where_the_digest_matters_only_a_verified_tree_is_used(string verification, bool usable)
    {
        PlanInput input = Input(Known(Enum.Parse<Verification>(verification)), policy: new CvmfsPolicy { StaleImages = "accept", UnverifiedImages = "accept" });

        Verdict verdict = Judge(input with { Image = input.Image with { DigestMatters = true } });

        Assert.That(verdict, usable ? Is.TypeOf<Verdict.Usable>() : Is.TypeOf<Verdict.Refused>().With.Property("Reason").Contains("its digest or signature (images)"));
    }

    [Test]
    public void A_copy_of_a_repository_is_used_where_the_policy_accepts_copies([Values("accept", "refuse")] string policy)
    {
        Verdict verdict = Judge(Input(Known(Verification.Verified), CvmfsState.Copy, new CvmfsPolicy { Copies = policy }));
        Assert.That(verdict, policy == "accept" ? Is.TypeOf<Verdict.Usable>() : Is.TypeOf<Verdict.Refused>().With.Property("Reason").Contains("refuses copies"));
    }

    [TestCase(nameof(CvmfsState.Dead), "dead", "ENOTCONN")]
    [TestCase(nameof(CvmfsState.Hung), "hung", null)]
    [TestCase(nameof(CvmfsState.Slow), "slow", null)]
    [TestCase(nameof(CvmfsState.Absent), "absent", null)]
    [TestCase(nameof(CvmfsState.Broken), "broken", null)]
    public void A_repository_that_is_not_usable_is_named_with_its_state_and_the_pilot_s_code(string state, string word, string? errno)
    {
        Verdict.Refused refused = (Verdict.Refused)Judge(Input(new Fact<CvmfsImage>.Unknown("x"), Enum.Parse<CvmfsState>(state)));
        Assert.That(refused.Reason, Does.Contain(Repository).And.Contain(word));
        Assert.That((refused.Blame, refused.PilotErrorCode, refused.Errno, refused.Retryable), Is.EqualTo((Blame.Cvmfs, PilotError.CvmfsNotAlive, errno, true)));
    }

    [Test]
    public void An_image_that_is_not_in_a_healthy_repository_is_not_found()
    {
        Verdict.Refused refused = (Verdict.Refused)Judge(Input(new Fact<CvmfsImage>.Absent("it is not there")));
        Assert.That((refused.Reason, refused.PilotErrorCode, refused.Retryable), Is.EqualTo(("it is not there", PilotError.ImageNotFound, false)));
    }

    [Test]
    public void Other_references_do_not_apply()
    {
        PlanInput input = Input(new Fact<CvmfsImage>.Unknown("not asked"));
        input = input with { Image = input.Image with { Reference = new ImageReference.AtPath("/x") } };
        Assert.That(Judge(input), Is.TypeOf<Verdict.Refused>().With.Property("NotApplicable").True);
    }

    [Test]
    public void The_prediction_takes_the_registry_s_configuration_only_for_the_image_it_belongs_to([Values] bool stale)
    {
        PlanInput input = Input(Known(stale ? Verification.Stale : Verification.Verified));
        Rootfs rootfs = new CvmfsFlatStrategy(new InProcessChildren()).Predict(input, RootfsForm.Tree);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rootfs.Config, Is.SameAs(stale ? TreeConfig : RegistryConfig));
            Assert.That(rootfs.Layers, stale ? Is.Empty : Has.Length.EqualTo(1).And.All.Property("Source").EqualTo("cvmfs"));
            Assert.That((rootfs.Form, rootfs.LowerDirectories[0]), Is.EqualTo((RootfsForm.Tree, "/cvmfs/unpacked.test/.flat/xx/yy")));
        }
    }

    [Test]
    [Provokes(PilotError.CvmfsNotAlive)]
    public void A_hang_while_materialising_is_a_retryable_fault_of_cvmfs()
    {
        InProcessChildren children = new() { Instead = new ProbeReply { End = ProbeEnd.Stuck, Trouble = "no answer at step 'open' within 15 s", LeakedPid = 5 } };
        GridWrapperException thrown = Assert.ThrowsAsync<GridWrapperException>(
            () => new CvmfsFlatStrategy(children).MaterialiseAsync(Input(Known(Verification.Verified)), RootfsForm.Tree, CancellationToken.None));
        Assert.That((thrown.Failure.Blame, thrown.Failure.PilotErrorCode, thrown.Failure.Retryable), Is.EqualTo((Blame.Cvmfs, PilotError.CvmfsNotAlive, true)));
        Assert.That(thrown.Message, Does.Contain("no answer"));
        Assert.That(children.Questions[0].Repository, Is.EqualTo("/cvmfs/unpacked.test"));
    }
}
