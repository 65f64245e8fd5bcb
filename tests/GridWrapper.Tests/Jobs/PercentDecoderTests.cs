using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
internal sealed class PercentDecoderTests
{
    [TestCase("", "")]
    [TestCase("echo%20hello%20%3E%20out.json", "echo hello > out.json")]
    [TestCase("a+b", "a+b")]
    [TestCase("%C3%A9%c3%a9", "éé")]
    [TestCase("%F0%9F%98%80", "😀")]
    [TestCase("100%", "100%")]
    [TestCase("%2", "%2")]
    [TestCase("%zz%20", "%zz ")]
    [TestCase("%%20", "% ")]
    [TestCase("%25IN", "%IN")]
    [TestCase("%2520", "%20")]
    [TestCase("%E9t%C3%A9", "%E9té")]
    [TestCase("%C3", "%C3")]
    [TestCase("%C3%20", "%C3 ")]
    [TestCase("é%20", "é ")]
    public void DecodesAsUtf8(string text, string expected) => Assert.That(PercentDecoder.Decode(text), Is.EqualTo(expected));

    [Test]
    public void InAFormAPlusIsABlank() => Assert.That(PercentDecoder.DecodeForm("a+b%2Bc"), Is.EqualTo("a b+c"));
}
