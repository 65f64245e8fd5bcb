using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
internal sealed class ShellWordsTests
{
    // Words are shown joined by '|'. Expectations are those of Python's shlex.split.
    [TestCase("", "")]
    [TestCase("  \t\n ", "")]
    [TestCase("a b\tc\nd\re", "a|b|c|d|e")]
    [TestCase("-j \"\" -r .", "-j||-r|.")]
    [TestCase("-j '' x", "-j||x")]
    [TestCase("--x=\"a b\"c", "--x=a bc")]
    [TestCase("'a\\b' \"a\\b\" a\\b", "a\\b|a\\b|ab")]
    [TestCase("\"a\\\"b\" \"a\\\\b\"", "a\"b|a\\b")]
    [TestCase("\"$HOME `id` \\$x\" $Y", "$HOME `id` \\$x|$Y")]
    [TestCase("a\\ b # c", "a b|#|c")]
    [TestCase("'{'\"'\"'out.json'\"'\"': 1}'", "{'out.json': 1}")]
    [TestCase("* ~ {a,b}", "*|~|{a,b}")]
    [TestCase("a\\\nb", "a\nb")]
    [TestCase("x ''", "x|")]
    [TestCase("é 'ü b'", "é|ü b")]
    public void SplitsAsShlexDoes(string text, string words) =>
        Assert.That(string.Join('|', ShellWords.Split(text)), Is.EqualTo(words));

    [Test]
    public void AnEmptyTextHasNoWordAndAnEmptyQuoteIsOne()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ShellWords.Split(" "), Is.Empty);
            Assert.That(ShellWords.Split("''"), Is.EqualTo(new[] { "" }));
        }
    }

    [TestCase("a 'b", "the quote ' at character 3 is not closed")]
    [TestCase("-p \"x --containerImage docker://a", "the quote \" at character 4 is not closed")]
    [TestCase("\"a\\\"", "the quote \" at character 1 is not closed")]
    [TestCase("a\\", "backslash")]
    public void SaysWhereAQuoteIsOpen(string text, string part) =>
        Assert.That(() => ShellWords.Split(text), Throws.TypeOf<FormatException>().With.Message.Contains(part));
}
