using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Serving;
using GridWrapper.Sites;
using GridWrapper.Strategies;

namespace GridWrapper.Tests.Strategies;

[Parallelizable(ParallelScope.All)]
internal sealed class KeptFormTests
{
    private const long Size = 100_000_000;
    private static readonly Fact<string> NoZlib = new Fact<string>.Absent("this node has no libz.so.1");

    /// <summary>350 MB inflated, 105 MB compressed.</summary>
    private static readonly ImmutableArray<Descriptor> Gzip = [new Descriptor(MediaTypes.OciLayerGzip, Digest.Of("g"u8), Size)];
    private static readonly ImmutableArray<Descriptor> Zstd = [new Descriptor(MediaTypes.OciLayerZstd, Digest.Of("z"u8), Size)];

    [TestCase("auto", 1000, null, ExpectedResult = KeptAs.InflatedWhileItFits)]
    [TestCase("auto", 300, null, ExpectedResult = KeptAs.Compressed)]
    [TestCase("auto", 90, null, ExpectedResult = KeptAs.InflatedWhileItFits, Description = "neither fits")]
    [TestCase("auto", 1000, 300e6, ExpectedResult = KeptAs.Compressed)]
    [TestCase("auto", 1000, 400e6, ExpectedResult = KeptAs.InflatedWhileItFits)]
    [TestCase("inflated", 300, null, ExpectedResult = KeptAs.Inflated)]
    [TestCase("compressed", 1000, null, ExpectedResult = KeptAs.Compressed)]
    public KeptAs The_profile_and_the_room_decide(string keep, int freeMegabytes, double? maxBytes) => KeptForm.Of(Input(keep, freeMegabytes, maxBytes), Gzip).Form;

    [Test]
    public void What_could_be_removed_counts_as_room() =>
        Assert.That(KeptForm.Of(Input("auto", 300, null) with { RemovableBytes = 100_000_000, RemovableEntries = 1 }, Gzip).Form, Is.EqualTo(KeptAs.InflatedWhileItFits));

    [Test]
    public void Layers_that_are_not_gzip_stay_inflated_and_are_told()
    {
        PlanInput input = Input("compressed", 1000, null);
        KeptForm mixed = KeptForm.Of(input, [.. Gzip, .. Zstd]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(KeptForm.Of(input, Zstd).Form, Is.Not.EqualTo(KeptAs.Compressed));
            Assert.That((mixed.Form, mixed.Why), Is.EqualTo((KeptAs.Compressed, "kept compressed, about 455 MB on disk, as serving.keep asks; 1 that are not gzip stay inflated")));
            Assert.That(KeptForm.Of(Input("auto", 300, null), Gzip).Why, Is.EqualTo("kept compressed, about 105 MB on disk, since about 350 MB of inflated ones would not fit"));
        }
    }

    [Test]
    public void Without_zlib_a_forced_form_is_refused_by_name()
    {
        PlanInput input = Input("compressed", 1000, null);
        input = input with { Host = input.Host with { Zlib = NoZlib } };
        Verdict.Refused refused = KeptForm.Of(input, Gzip).Refuse(input, Gzip)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused.Reason, Does.Contain("serving.keep is compressed and this node has no libz.so.1").And.Contain("zlib1g"));
            Assert.That(KeptForm.Of(input, Zstd).Refuse(input, Zstd), Is.Null, "which do not need it");
        }
    }

    [Test]
    public void Without_zlib_a_node_without_room_hears_what_would_help()
    {
        PlanInput input = Input("auto", 300, null);
        input = input with { Host = input.Host with { Zlib = NoZlib } };
        KeptForm form = KeptForm.Of(input, Gzip);
        Assert.That(form.Form, Is.EqualTo(KeptAs.InflatedWhileItFits));
        Assert.That(form.Refuse(input, Gzip)!.Reason, Does.Contain("about 350 MB packed").And.Contain("kept compressed they would fit, but this node has no libz.so.1"));
    }

    [Test]
    public void What_does_not_fit_in_any_form_is_refused() =>
        Assert.That(KeptForm.Of(Input("compressed", 90, null), Gzip).Refuse(Input("compressed", 90, null), Gzip)!.Reason, Does.Contain("about 105 MB packed and compressed"));

    private static PlanInput Input(string keep, int freeMegabytes, double? maxBytes) => new()
    {
        Site = new SiteProfile { Name = "test", Serving = new ServingPolicy { Keep = keep }, Cache = new CachePolicy { MaxBytes = maxBytes } },
        Host = new HostFacts { Node = Registries.TestImage.Node, Space = [new SpaceFacts("cache", "/cache", freeMegabytes * 1_000_000L, 1000, "ext4")] },
        Image = new ImageFacts { Reference = new ImageReference.InRegistry("localhost:1", "a", "t", null) },
        CacheDirectory = "/cache",
    };
}
