using GridWrapper.Probing;
using GridWrapper.Sites;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Probing;

/// <summary>What the self-test of a root looks for is worked out from the layers; and what stands at its mount points.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class RootCheckTests
{
    private readonly string _low = TreeListing.Extract(new TarBuilder().Dir("bin").File("bin/a", "aaa").File("bin/gone", "g").Dir("opaque").File("opaque/old", "o").File("again", "old").Build()).Path;

    private readonly string _top = TreeListing.Extract(new TarBuilder().Dir("bin").Whiteout("bin/gone").Dir("opaque").Opaque("opaque").File("opaque/new", "new").Whiteout("again").File("again", "newer").File("z", "").Build()).Path;

    private static ImmutableArray<LayerRemoval> Removals => [new(0, "bin/gone", Opaque: false), new(0, "opaque", Opaque: true), new(0, "again", Opaque: false)];

    [Test]
    public async Task A_file_of_the_lowest_and_of_the_highest_layer_and_what_is_removed()
    {
        ProgramNeeds needs = await AskAsync(new ProgramQuestion([_top, _low], []) { Removals = Removals });
        Assert.That(
            needs.Expectations.Select(e => $"{e.Path} {e.Text}"),
            Is.EquivalentTo((string[])["/ directory", "/bin/a size=3", "/again size=5", "/bin/gone gone", "/opaque/old gone", "/again size=5"]));
    }

    [Test]
    public async Task What_a_wrong_stack_would_show_is_expected_to_be_gone_all_the_same()
    {
        (string bare, _) = TreeListing.Extract(new TarBuilder().Dir("bin").Build());
        ProgramNeeds needs = await AskAsync(new ProgramQuestion([bare, _low], []) { Removals = [new(0, "bin/gone", Opaque: false)] });
        Assert.That(needs.Expectations, Does.Contain(RootExpectation.Gone("/bin/gone")));
    }

    [Test]
    public async Task One_directory_needs_no_test() => Assert.That((await AskAsync(new ProgramQuestion([_low], []))).Expectations, Is.Empty);

    [Test]
    public async Task Names_that_no_text_can_carry_are_passed_over()
    {
        (string odd, _) = TreeListing.Extract(new TarBuilder().File("a b", "1").File("new\nline", "2").Build());
        ProgramNeeds needs = await AskAsync(new ProgramQuestion([odd, _low], []) { Removals = [new(0, "with space", Opaque: false)] });
        Assert.That(needs.Expectations.Select(e => e.Path), Is.All.Matches<string>(p => p.All(c => c is > ' ' and <= '~')));
    }

    [TestCase("/bin", null)]
    [TestCase("/nothing/here", null)]
    [TestCase("/link", "link")]
    [TestCase("/loop", "ELOOP")]
    [TestCase("/bin/a", "file")]
    [TestCase("/bin/a/below/it", "ENOTDIR")]
    public async Task Mount_points_are_looked_at(string place, string? said)
    {
        (string links, _) = TreeListing.Extract(new TarBuilder().Symlink("link", "/bin").Symlink("loop", "loop").Build());
        ProgramNeeds needs = await AskAsync(new ProgramQuestion([links, _low], []) { MountPoints = [place] });
        Assert.That(needs.MountPoints.GetValueOrDefault(place), Is.EqualTo(said));
    }

    [Test]
    public void A_question_survives_the_command_line()
    {
        ProgramQuestion question = new(["/l1", "/l2"], ["/bin/x", "/bin/y"]) { MountPoints = ["/proc"], Removals = [new(1, "a:b/c", Opaque: true), new(0, "d", Opaque: false)] };
        ProgramQuestion read = ProgramQuestion.FromWords(question.ToWords().AsSpan());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.ToWords(), Is.EqualTo(question.ToWords()));
            Assert.That(read.Removals, Is.EqualTo(question.Removals));
        }
    }

    private static async Task<ProgramNeeds> AskAsync(ProgramQuestion question)
    {
        Fact<ProgramNeeds> found = await new ProgramProbe(new InProcessChildren()).FindAsync(question, new CvmfsPolicy(), CancellationToken.None);
        return found.IsKnown(out ProgramNeeds needs) ? needs : throw new InvalidOperationException(found.Why);
    }
}
