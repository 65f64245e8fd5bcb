using GridWrapper.Outputs;

namespace GridWrapper.Tests.Outputs;

[Parallelizable(ParallelScope.All)]
public sealed class PatternTest
{
    [TestCase("*.root", "a.root", true)]
    [TestCase("*.root", "a.root.1", false)]
    [TestCase("*.root", ".root", false)]
    [TestCase(".*", ".root", true)]
    [TestCase("log_*.txt", "log_.txt", true)]
    [TestCase("log_*.txt", "log_a.txt.txt", true)]
    [TestCase("*a*b*", "xxaxxbxx", true)]
    [TestCase("*a*b*", "xxbxxaxx", false)]
    [TestCase("f?o", "foo", true)]
    [TestCase("f?o", "fo", false)]
    [TestCase("f[a-c]o", "fbo", true)]
    [TestCase("f[a-c]o", "fdo", false)]
    [TestCase("f[!a-c]o", "fdo", true)]
    [TestCase("f[]]o", "f]o", true)]
    [TestCase("f[o", "f[o", true)]
    [TestCase("*", "", true)]
    [TestCase("", "", true)]
    [TestCase("A*", "abc", false)]
    [TestCase("x{1,2}", "x1", false)]
    public void Shell_patterns(string pattern, string name, bool expected) => Assert.That(FilePattern.MatchesName(pattern, name), Is.EqualTo(expected));

    [TestCase("out/*.txt", "out/a.txt", true)]
    [TestCase("out/*.txt", "out/sub/a.txt", false)]
    [TestCase("*/*.txt", "out/a.txt", true)]
    [TestCase("*/*.txt", "a.txt", false)]
    public void Shell_patterns_with_directories(string pattern, string path, bool expected) => Assert.That(FilePattern.MatchesPath(pattern, path), Is.EqualTo(expected));

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
        Assert.That(error, Does.StartWith($"\"{expression}\" is not a regular expression ("));
    }
}
