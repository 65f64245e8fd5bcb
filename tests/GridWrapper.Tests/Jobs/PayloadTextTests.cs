using GridWrapper.Images;
using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
internal sealed class PayloadTextTests
{
    private static readonly JobRequest Job = new()
    {
        Image = new ImageReference.AtPath("/image"),
        Exec = "",
        Inputs = ["a.root", "b.root"],
        InMap = [new InputStream("PU", ["p1", "p2"]), new InputStream("CAL_2", ["c"]), new InputStream("NONE", [])],
        CoreCount = 4,
    };

    [TestCase("ls -l %IN; cat %IN > out.dat", "ls -l a.root,b.root; cat a.root,b.root > out.dat")]
    [TestCase("run %IN %PU %CAL_2", "run a.root,b.root p1,p2 c")]
    [TestCase("%IN", "a.root,b.root")]
    [TestCase("%IN,%PU", "a.root,b.root,p1,p2")]
    [TestCase("'%IN'\"%PU\"", "'a.root,b.root'\"p1,p2\"")]
    [TestCase("%INPUT %IN_2 %IN2 %in %CAL", "%INPUT %IN_2 %IN2 %in %CAL")]
    [TestCase("[%NONE]", "[]")]
    [TestCase("-n %CORE_NUMBER %PROC_NUMBER", "-n 4 4")]
    [TestCase("python -c \"print('%s 100%%' % 'é')\"", "python -c \"print('%s 100%%' % 'é')\"")]
    [TestCase("100% %", "100% %")]
    [TestCase("", "")]
    public void ReplacesWholeNamesOnly(string exec, string expected) =>
        Assert.That(PayloadText.Expand(exec, Job, input => input), Is.EqualTo(expected));

    [Test]
    public void InputsAreResolvedOneByOne() =>
        Assert.That(PayloadText.Expand("%IN", Job, input => "/ctrdata/" + input), Is.EqualTo("/ctrdata/a.root,/ctrdata/b.root"));

    [Test]
    public void AnInMapEntryNamedInComesBeforeTheInputs() =>
        Assert.That(PayloadText.Expand("%IN", Job with { InMap = [new InputStream("IN", ["x"])] }, input => input), Is.EqualTo("x"));

    [Test]
    public void WithoutInputsTheNameStays() =>
        Assert.That(PayloadText.Expand("date +%IN", Job with { Inputs = [], InMap = [] }, input => input), Is.EqualTo("date +%IN"));

    [TestCase("IN", "a.root,b.root")]
    [TestCase("PU", "p1,p2")]
    [TestCase("ABSENT", "")]
    public void JoinsAStreamForItsFile(string stream, string expected) =>
        Assert.That(PayloadText.JoinStream(stream, Job, input => input), Is.EqualTo(expected));
}
