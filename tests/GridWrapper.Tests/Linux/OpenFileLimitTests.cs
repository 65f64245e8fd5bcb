using GridWrapper.Linux;

namespace GridWrapper.Tests.Linux;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class OpenFileLimitTests
{
    private const string Limits = "Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \n";

    [TestCase(Limits + "Max open files            1024                 524288               files     \nMax locked memory         1 2 bytes\n", 1024u)]
    [TestCase(Limits + "Max open files            unlimited            unlimited            files     \n", 0u)]
    [TestCase(Limits + "Max open files            99999999999          99999999999          files     \n", 0u)]
    [TestCase(Limits + "Max open files", 0u), TestCase(Limits, 0u), TestCase("", 0u)]
    public void TheSoftColumnIsRead(string limits, uint expected) => Assert.That(OpenFileLimit.Parse(limits), Is.EqualTo(expected));

    [Test]
    public void TheParentsCanBeRead() => Assert.That(OpenFileLimit.OfCaller(), Is.Not.Zero);
}
