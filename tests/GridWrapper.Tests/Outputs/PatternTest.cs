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
}
