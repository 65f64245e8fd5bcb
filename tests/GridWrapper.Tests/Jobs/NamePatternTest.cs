using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
public sealed class NamePatternTest
{
    [TestCase(@"regex|part[0-9]+\.root", "part12.root", true)]
    [TestCase(@"part[0-9]+\.root", "part12.root.x", false)]
    [TestCase(@"part[0-9]+\.root", "xpart12.root", false)]
    [TestCase(@"part[0-9]+\.root", "part12.root\n", false)]
    [TestCase("a|bc", "bc", true)]
    [TestCase("a|bc", "ac", false)]
    [TestCase(@"(?P<n>[a-z])x(?P=n)", "axa", true)]
    [TestCase(@"(?P<n>[a-z])x(?P=n)", "axb", false)]
    [TestCase(@"(?!tmp).*\.dat", "out.dat", true)]
    [TestCase(@"(?!tmp).*\.dat", "tmp1.dat", false)]
    [TestCase(@"a\Z", "a", true)]
    [TestCase(@"\\Zx", @"\Zx", true)]
    [TestCase("(?i)out", "OUT", true)]
    public void Python_expressions_match_whole_names(string expression, string name, bool expected)
    {
        Assert.That(NamePattern.TryParse(expression, out NamePattern? pattern, out string error), Is.True, error);
        Assert.That(pattern!.Matches(name), Is.EqualTo(expected));
    }

    [TestCase("(")]
    [TestCase("[a")]
    [TestCase("a{2,1}")]
    [TestCase("*a")]
    [TestCase("(?P<1a>x)")]
    public void A_bad_expression_is_told(string expression)
    {
        Assert.That(NamePattern.TryParse(expression, out _, out string error), Is.False);
        Assert.That(error, Does.Match("^[A-Z][A-Za-z]+ at character [0-9]+$"));
    }
}
