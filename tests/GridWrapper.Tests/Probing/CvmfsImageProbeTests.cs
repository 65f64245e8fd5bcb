using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Probing;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class CvmfsImageProbeTests
{
    private const string Unpacked = "unpacked.test";

    private static readonly SiteProfile Site = new() { Name = "test", Cvmfs = new CvmfsPolicy { ImageRepositories = [Unpacked], Copies = "accept" } };

    private static readonly Platform Amd64 = new("linux", "amd64");

    private static readonly ImageReference.InRegistry Demo = new("docker.io", "library/demo", "1", null);

    private static readonly FakeImage Other = new() { Env = ["PATH=/other"] };

    private static async Task<Fact<CvmfsImage>> FindAsync(FakeCvmfsTree tree, FakeImage? served, ImageReference.InRegistry? reference = null)
    {
        SiteProfile site = Site with { Cvmfs = Site.Cvmfs with { Root = tree.Root } };
        InProcessChildren children = new();
        CvmfsFacts facts = await new CvmfsProbe(children).ProbeAsync(site.Cvmfs, site.Cvmfs.ImageRepositories, CancellationToken.None);
        Fact<ResolvedImage> resolved = served is null
            ? new Fact<ResolvedImage>.Unknown("no registry here")
            : new Fact<ResolvedImage>.Known(new ResolvedImage(served.Manifest, new ImageConfig { Platform = Amd64 }));
        return await new CvmfsImageProbe(children).FindAsync(reference ?? Demo, resolved, facts, new ImageSearch(site, Amd64), CancellationToken.None);
    }

    private static CvmfsImage Known(Fact<CvmfsImage> fact)
    {
        Assert.That(fact, Is.TypeOf<Fact<CvmfsImage>.Known>(), fact.Why);
        return ((Fact<CvmfsImage>.Known)fact).Value;
    }

    [Test]
    public async Task A_name_that_agrees_with_the_registry_is_verified_and_pinned_to_its_flat_path()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = tree.Publish(new FakeImage { Layers = [FakeLayer.Base(), FakeLayer.Changes()] });
        CvmfsImage found = Known(await FindAsync(tree, image));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Verification, Is.EqualTo(Verification.Verified));
            Assert.That(found.FlatPath, Is.EqualTo(tree.FlatOf(image)));
            Assert.That(found.ConfigDigest, Is.EqualTo(image.ConfigDigest));
            Assert.That(File.Exists(Path.Combine(found.FlatPath, "data/gone")), Is.False);
        }
    }

    [Test]
    public async Task Without_a_registry_the_copy_is_unverified_and_its_configuration_comes_from_the_tree()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = tree.Publish(new FakeImage());
        CvmfsImage found = Known(await FindAsync(tree, served: null));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Verification, Is.EqualTo(Verification.Unverified));
            Assert.That(found.PublicName, Is.EqualTo(image.PublicName));
            Assert.That(found.ConfigFromTree!.Env, Is.EqualTo(image.Env));
            Assert.That(found.ConfigFromTree.Entrypoint, Is.EqualTo(image.Entrypoint));
            Assert.That(found.ConfigFromTree.Cmd, Is.EqualTo(image.Cmd));
        }
    }

    [Test]
    public async Task A_name_that_leads_to_another_image_is_stale()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage published = tree.Publish(new FakeImage());
        CvmfsImage found = Known(await FindAsync(tree, Other));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Verification, Is.EqualTo(Verification.Stale));
            Assert.That(found.StaleName, Is.EqualTo(published.ConfigDigest));
            Assert.That(found.FlatPath, Is.EqualTo(tree.FlatOf(published)));
            Assert.That(found.ConfigFromTree, Is.Not.Null);
        }
    }

    [Test]
    public async Task The_wanted_tree_is_found_without_any_name_and_although_the_name_is_stale([Values] bool named)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = new();
        tree.PublishFlat(image);
        if (named)
        {
            tree.PublishFlat(Other);
            tree.PublishName(Other);
        }

        CvmfsImage found = Known(await FindAsync(tree, image));
        Assert.That((found.Verification, found.FlatPath, found.PublicName), Is.EqualTo((Verification.Verified, tree.FlatOf(image), (string?)null)));
    }

    [Test]
    public async Task A_tag_that_moves_after_the_look_does_not_change_what_was_found()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = tree.Publish(new FakeImage());
        CvmfsImage found = Known(await FindAsync(tree, image));
        tree.PublishFlat(Other);
        tree.Link(image.PublicName, $"../../.flat/{Other.ConfigDigest.Hex[..2]}/{Other.ConfigDigest.Hex}");
        Assert.That(found.FlatPath, Does.EndWith(image.ConfigDigest.Hex));
    }

    [Test]
    public async Task Our_architecture_of_a_multiarch_name_is_preferred()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage ours = new();
        FakeImage theirs = new() { Architecture = "arm64", Layers = [FakeLayer.Base(0xb7)] };
        tree.PublishFlat(ours);
        tree.PublishFlat(theirs);
        tree.PublishMultiarch(ours, publicName: false);
        tree.PublishMultiarch(theirs);
        Assert.That(Known(await FindAsync(tree, served: null)).ConfigDigest, Is.EqualTo(ours.ConfigDigest));
    }

    [Test]
    public async Task A_public_name_that_is_an_expanded_variant_link_is_followed()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = new() { Architecture = "s390x" }; // so that the preferred name does not exist
        tree.PublishFlat(image);
        tree.PublishMultiarch(image);
        Assert.That(Known(await FindAsync(tree, served: null)).ConfigDigest, Is.EqualTo(image.ConfigDigest));
    }

    [Test]
    public async Task A_tree_for_another_machine_is_absent_when_nothing_else_proves_the_architecture()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        tree.Publish(new FakeImage { Layers = [FakeLayer.Base(0xb7)] });
        Fact<CvmfsImage> found = await FindAsync(tree, served: null);
        Assert.That(found, Is.TypeOf<Fact<CvmfsImage>.Absent>().With.Property("Reason").Contains("arm64"));
    }

    [Test]
    public async Task A_registry_with_a_port_and_a_name_by_digest_are_found([Values] bool byDigest)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        Digest manifest = Digest.Of("m"u8);
        FakeImage image = tree.Publish(new FakeImage { Host = "reg.test:5005", Repository = "a/b", Tag = byDigest ? manifest.ToString() : "x" });
        ImageReference.InRegistry reference = new("reg.test:5005", "a/b", byDigest ? null : "x", byDigest ? manifest : null);
        Assert.That(Known(await FindAsync(tree, served: null, reference)).ConfigDigest, Is.EqualTo(image.ConfigDigest));
    }

    private static string Hex => new FakeImage().ConfigDigest.Hex;

    private static IEnumerable<TestCaseData> BadLinks()
    {
        yield return new TestCaseData($"../../../elsewhere/.flat/{Hex[..2]}/{Hex}", "outside of the repository").SetArgDisplayNames("leaves the repository");
        yield return new TestCaseData($"/opt/.flat/{Hex[..2]}/{Hex}", "outside of the repository").SetArgDisplayNames("absolute elsewhere");
        yield return new TestCaseData("demo:1", "do not end").SetArgDisplayNames("to itself");
        yield return new TestCaseData($"../../.flat/ab/{new string('a', 63)}", "not of the form").SetArgDisplayNames("63 digits");
        yield return new TestCaseData($"../../.flat/{Hex[..2]}/{Hex.ToUpperInvariant()}", "not of the form").SetArgDisplayNames("upper case");
        yield return new TestCaseData($"../../.flat/{(Hex.StartsWith("00", StringComparison.Ordinal) ? "11" : "00")}/{Hex}", "not of the form").SetArgDisplayNames("prefix disagrees");
        yield return new TestCaseData($"../../.flat/{new string('e', 2)}/{new string('e', 64)}", "ENOENT").SetArgDisplayNames("dangling");
        yield return new TestCaseData("../../.multiarch/$(CVMFS_ARCH:-amd64)/registry.hub.docker.com/library/demo:1", "not expanded").SetArgDisplayNames("unexpanded variant");
        yield return new TestCaseData("../../.nowhere", "does not exist").SetArgDisplayNames("to nothing");
    }

    [TestCaseSource(nameof(BadLinks))]
    public async Task A_bad_public_name_is_told_precisely_and_never_followed_outside(string target, string reason)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        tree.PublishFlat(new FakeImage());
        tree.Link(new FakeImage().PublicName, target);
        FakeCvmfsTree elsewhere = new(scratch.Path, "elsewhere");
        elsewhere.PublishFlat(new FakeImage());
        Fact<CvmfsImage> found = await FindAsync(tree, served: null);
        Assert.That(found, Is.TypeOf<Fact<CvmfsImage>.Absent>().With.Property("Reason").Contains(reason));
    }

    [Test]
    public async Task An_absolute_link_with_the_usual_root_is_moved_to_where_cvmfs_is_mounted()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = new();
        tree.PublishFlat(image);
        tree.Link(image.PublicName, $"/cvmfs/{Unpacked}/.flat/{image.ConfigDigest.Hex[..2]}/{image.ConfigDigest.Hex}");
        Assert.That(Known(await FindAsync(tree, served: null)).FlatPath, Is.EqualTo(tree.FlatOf(image)));
    }

    [Test]
    public async Task In_the_layout_of_the_OSG_the_layers_tell_the_image([Values] bool named)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = new() { Repository = "library/demo" };
        string place = tree.PublishOsg(image);
        if (!named)
        {
            File.Delete(Path.Combine(tree.Top, $"{image.Repository}:{image.Tag}"));
        }

        CvmfsImage found = Known(await FindAsync(tree, image));
        Assert.That((found.Verification, found.FlatPath, found.ConfigDigest), Is.EqualTo((Verification.Verified, place, (Digest?)image.ConfigDigest)));
    }

    [Test]
    public async Task In_the_layout_of_the_OSG_a_name_has_no_host_and_its_link_is_absolute([Values] bool index)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = new() { Host = "hub.opensciencegrid.org", Repository = "htc/rocky", Tag = "9" };
        string place = tree.PublishOsg(image, index ? Digest.Of("index"u8).Hex : null);

        CvmfsImage found = Known(await FindAsync(tree, served: null, new ImageReference.InRegistry("hub.opensciencegrid.org", "htc/rocky", "9", null)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((found.Verification, found.FlatPath, found.ConfigDigest), Is.EqualTo((Verification.Unverified, place, (Digest?)null)));
            Assert.That(found.ConfigFromTree!.Env, Is.EqualTo(image.Env));
        }
    }

    [Test]
    public async Task In_the_layout_of_the_OSG_other_layers_are_stale()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        tree.PublishOsg(new FakeImage { Repository = "library/demo" });
        CvmfsImage found = Known(await FindAsync(tree, new FakeImage { Layers = [FakeLayer.Base(), FakeLayer.Changes()] }));
        Assert.That((found.Verification, found.ConfigDigest), Is.EqualTo((Verification.Stale, (Digest?)null)));
    }

    [Test]
    public async Task An_empty_tree_or_a_tree_behind_a_link_is_not_usable([Values] bool linked)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        FakeImage image = new();
        tree.PublishFlat(image);
        tree.PublishName(image);
        Directory.Move(tree.FlatOf(image), Path.Combine(scratch.Path, "moved"));
        if (linked)
        {
            File.CreateSymbolicLink(tree.FlatOf(image), Path.Combine(scratch.Path, "moved"));
        }
        else
        {
            Directory.CreateDirectory(tree.FlatOf(image));
        }

        Assert.That(await FindAsync(tree, image), Is.TypeOf<Fact<CvmfsImage>.Absent>());
    }

    [Test]
    public async Task A_broken_alias_does_not_hide_a_good_one()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, Unpacked);
        tree.Link("registry.hub.docker.com/library/demo:1", "nothing");
        FakeImage image = tree.Publish(new FakeImage { Host = "docker.io", Repository = "demo" });
        Assert.That(Known(await FindAsync(tree, served: null)).PublicName, Is.EqualTo(image.PublicName));
    }

    [Test]
    public async Task Images_may_lie_in_a_directory_of_a_repository()
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(Path.Combine(scratch.Path, "site.test"), "images");
        FakeImage image = tree.Publish(new FakeImage());
        SiteProfile site = Site with { Cvmfs = Site.Cvmfs with { Root = scratch.Path, ImageRepositories = ["site.test/images"] } };
        CvmfsFacts facts = await new CvmfsProbe(new InProcessChildren()).ProbeAsync(site.Cvmfs, ["site.test"], CancellationToken.None);
        Fact<CvmfsImage> found = await new CvmfsImageProbe(new InProcessChildren()).FindAsync(
            Demo, new Fact<ResolvedImage>.Unknown("no registry"), facts, new ImageSearch(site, Amd64), CancellationToken.None);
        Assert.That((Known(found).Repository, Known(found).FlatPath, facts.Present), Is.EqualTo(("site.test", tree.FlatOf(image), true)));
    }

    [TestCase("missing")]
    [TestCase("empty")]
    public async Task Without_a_usable_repository_the_reason_is_its_state(string shape)
    {
        using Scratch scratch = new();
        FakeCvmfsTree tree = new(scratch.Path, "another.test");
        if (shape == "empty")
        {
            Directory.CreateDirectory(Path.Combine(scratch.Path, Unpacked));
        }

        Fact<CvmfsImage> found = await FindAsync(tree, new FakeImage());
        Assert.That(found, Is.TypeOf<Fact<CvmfsImage>.Absent>().With.Property("Reason").Contains($"{Unpacked}: absent"));
    }
}
