using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Strategies;
using GridWrapper.Tests.Registries;

namespace GridWrapper.Tests.Planning;

[Parallelizable(ParallelScope.All)]
internal sealed class ImageGateTests
{
    private static readonly ImageReference Alpine = ImageReferenceParser.Parse("alpine", "/");
    private static readonly ImageReference Tree = ImageReferenceParser.Parse("/images/el9", "/");
    private static readonly SignatureRule Rule = new() { Images = ["**"], Keys = ["/k.pub"] };

    [TestCase("docker.io/**", "", true)]
    [TestCase("docker.io/library/*", "docker.io/library/alpine", false)]
    [TestCase("", "docker.io/library/alpine", false)]
    [TestCase("", "quay.io/**", true)]
    [TestCase("quay.io/**", "", false)]
    [TestCase("", "**", false)]
    [TestCase("", "", true)]
    public void Names_are_judged_before_anything_is_asked(string allow, string deny, bool allowed)
    {
        Failure? barred = ImageGate.ByName(new ImagePolicy { Allow = [.. Words(allow)], Deny = [.. Words(deny)] }, Alpine);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(barred is null, Is.EqualTo(allowed));
            Assert.That(barred is null || barred is { Blame: Blame.User, PilotErrorCode: PilotError.QueueNotSetUpForContainers, Retryable: false }, Is.True);
        }
    }

    [TestCase("/images/**", true)]
    [TestCase("docker.io/**", false)]
    public void A_path_is_a_name_too(string allow, bool allowed) => Assert.That(ImageGate.ByName(new ImagePolicy { Allow = [allow] }, Tree) is null, Is.EqualTo(allowed));

    private static IEnumerable<TestCaseData> Digests()
    {
        TestImage image = TestImage.Small();
        Digest index = Digest.Of("index"u8);
        yield return Case("manifest allowed", new ImagePolicy { AllowDigests = [image.Digest.ToString()] }, true);
        yield return Case("index allowed", new ImagePolicy { AllowDigests = [index.ToString()] }, true);
        yield return Case("another allowed", new ImagePolicy { AllowDigests = [Digest.Of("x"u8).ToString()] }, false);
        yield return Case("configuration is not enough", new ImagePolicy { AllowDigests = [Digest.Of(image.Config).ToString()] }, false);
        yield return Case("manifest denied", new ImagePolicy { DenyDigests = [image.Digest.ToString()] }, false);
        yield return Case("index denied", new ImagePolicy { DenyDigests = [index.ToString()] }, false);
        yield return Case("configuration denied", new ImagePolicy { DenyDigests = [Digest.Of(image.Config).ToString()] }, false);
        yield return Case("layer denied", new ImagePolicy { DenyDigests = [Digest.Of(image.Layers[1]).ToString()] }, false);
        yield return Case("layer denied by its diffID", new ImagePolicy { DenyDigests = [Digest.Of(image.Tars[0]).ToString()] }, false);
        yield return Case("another denied", new ImagePolicy { DenyDigests = [Digest.Of("x"u8).ToString()] }, true);
        yield return Case("denied and allowed", new ImagePolicy { AllowDigests = [image.Digest.ToString()], DenyDigests = [image.Digest.ToString()] }, false);
        yield return Case("no signature was looked for", new ImagePolicy { Signatures = [Rule] }, false);

        static TestCaseData Case(string name, ImagePolicy policy, bool allowed) => new TestCaseData(policy, allowed).SetName($"Digests({name})");
    }

    [TestCaseSource(nameof(Digests))]
    public void Digests_are_judged_once_they_are_known(ImagePolicy policy, bool allowed) =>
        Assert.That(ImageGate.Apply(policy, new ImageFacts { Reference = Alpine, Resolved = Known() }).Barred is null, Is.EqualTo(allowed));

    [Test]
    public void What_a_registry_proved_signed_may_run()
    {
        ResolvedImage image = ((Fact<ResolvedImage>.Known)Known()).Value with { Signature = new SignatureProof("/k.pub", Digest.Of("x"u8), "tag") };

        ImageFacts facts = ImageGate.Apply(new ImagePolicy { Signatures = [Rule] }, new ImageFacts { Reference = Alpine, Resolved = new Fact<ResolvedImage>.Known(image) });

        Assert.That(facts, Has.Property("Barred").Null.And.Property("DigestMatters").True);
    }

    private static IEnumerable<TestCaseData> Unverified()
    {
        string digest = Digest.Of("x"u8).ToString();
        yield return new TestCaseData(new ImagePolicy { Signatures = [Rule] }, "images.signatures").SetName("Unverified(signature required)");
        yield return new TestCaseData(new ImagePolicy { AllowDigests = [digest] }, "images.allowDigests").SetName("Unverified(digests allowed)");
        yield return new TestCaseData(new ImagePolicy { DenyDigests = [digest] }, "images.denyDigests").SetName("Unverified(digests denied)");
    }

    /// <summary>CVMFS holds the image and its layers, the registry is away: nobody says which digest that is.</summary>
    [TestCaseSource(nameof(Unverified))]
    public void An_image_whose_digest_nobody_vouches_for_is_refused_in_every_way(ImagePolicy policy, string key)
    {
        Failure away = Plans.Trouble(Phase.Resolve, "the registry is away") with { Blame = Blame.Registry, Retryable = true };
        SiteProfile site = Plans.Site with { Images = policy };
        PlanInput input = Plans.Input(site);
        ImageFacts facts = ImageGate.Apply(policy, input.Image with { Resolved = new Fact<ResolvedImage>.Unknown("away"), ResolveFailure = away });
        ImmutableArray<IRootfsStrategy> strategies = [new FakeStrategy("a", Plans.Yes(1)), new FakeStrategy("b", Plans.Yes(2)), new FakeStrategy("c", Verdict.DoesNotApply("no"))];
        input = input with { Image = facts };

        RunPlan plan = Planner.Plan(input, strategies, [new FakeLauncher("one", RootfsForm.Stack, Plans.Yes(0))]);
        Failure failure = Planner.Explain(plan, input);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(plan.Chosen, Is.Null);
            Assert.That(plan.Candidates.Count(c => c.Verdict is Verdict.Refused { Blame: Blame.Registry, NotApplicable: false }), Is.EqualTo(2));
            Assert.That(failure, Has.Property("Blame").EqualTo(Blame.Registry).And.Property("Retryable").True);
            Assert.That(failure.Message, Does.Contain(key).And.Contain("could not be verified").And.Contain("the registry is away"));
        }
    }

    [Test]
    public void A_directory_has_no_digest_to_be_denied_but_none_to_be_allowed_either()
    {
        ImageFacts facts = new() { Reference = Tree, Resolved = new Fact<ResolvedImage>.Absent("a path has no manifest") };
        string digest = Digest.Of("x"u8).ToString();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ImageGate.Apply(new ImagePolicy { DenyDigests = [digest] }, facts).Barred, Is.Null);
            Assert.That(ImageGate.Apply(new ImagePolicy { AllowDigests = [digest] }, facts).Barred!.Message, Does.Contain("this image has no digest"));
            Assert.That(ImageGate.Apply(new ImagePolicy { Signatures = [Rule] }, facts).Barred!.Message, Does.Contain("this image has no digest"));
        }
    }

    [Test]
    public void Without_a_policy_nothing_is_barred() =>
        Assert.That(ImageGate.Apply(new ImagePolicy(), new ImageFacts { Reference = Alpine }), Has.Property("Barred").Null.And.Property("DigestMatters").False);

    private static Fact<ResolvedImage> Known()
    {
        TestImage image = TestImage.Small();
        ImageManifest manifest = ((ManifestDocument.Image)ManifestReader.Read(image.Manifest, null, "x")).Manifest;
        return new Fact<ResolvedImage>.Known(new ResolvedImage(manifest, ImageConfigReader.Read(image.Config, "x")) { Indexes = [Digest.Of("index"u8)] });
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
