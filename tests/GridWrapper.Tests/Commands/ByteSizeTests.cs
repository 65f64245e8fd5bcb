using GridWrapper.Commands;

namespace GridWrapper.Tests.Commands;

[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ByteSizeTests
{
    [TestCase("1048576", 1048576)]
    [TestCase("1M", 1048576)]
    [TestCase("2g", 2147483648)]
    [TestCase("1.5G", 1610612736)]
    [TestCase("4096K", 4194304)]
    public void SizesAreRead(string text, long bytes)
    {
        List<string> faults = [];
        Assert.That((ByteSize.Parse("--x", text, faults), faults.Count), Is.EqualTo(((long?)bytes, 0)));
    }

    [TestCase("")]
    [TestCase("M")]
    [TestCase("-1G")]
    [TestCase("1")]
    [TestCase("1023K")]
    [TestCase("1GiB")]
    [TestCase("1e9")]
    [TestCase("99999T")]
    [TestCase("much")]
    public void OthersAreFaults(string text)
    {
        List<string> faults = [];
        Assert.That(ByteSize.Parse("--x", text, faults), Is.Null);
        Assert.That(faults, Has.Count.EqualTo(1).And.All.Contains($"--x {text}:"));
    }
}
