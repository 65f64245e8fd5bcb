using GridWrapper.Commands;

namespace GridWrapper.Tests.Commands;

/// <summary>Every form of the command line, before and after it is brought into the parser's order.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class WordOrderTests
{
    private const string P = "p";

    private static IEnumerable<TestCaseData> Forms()
    {
        yield return Case("nothing", [], []);
        yield return Case("only options", ["--site", "x"], ["--site", "x"]);
        yield return Case("help", ["--help"], ["--help"]);
        yield return Case("version", ["--version"], ["--version"]);
        yield return Case("help behind an option", ["--json", "-h"], ["--json", "-h"]);

        yield return Case("bare", ["-j", "", "-r", ".", "-p", P], ["run", "--", "-j", "", "-r", ".", "-p", P]);
        yield return Case("bare with ours in between", ["-j", "", "--site", "x", "-p", P, "--json"], ["run", "--site", "x", "--json", "--", "-j", "", "-p", P]);
        yield return Case("bare with the image first", ["--containerImage=docker://i:1", "-p", P], ["run", "--", "--containerImage=docker://i:1", "-p", P]);
        yield return Case("bare with the image as two words", ["--containerImage", "i", "-p", P], ["run", "--", "--containerImage", "i", "-p", P]);
        yield return Case("bare with ours first", ["--dry-run", "-j", "", "-p", P], ["run", "--dry-run", "--", "-j", "", "-p", P]);
        yield return Case("bare with ours in one word", ["--site=x", "-p", P], ["run", "--site=x", "--", "-p", P]);
        yield return Case("bare leaves the transform its own", ["-p", P, "--workdir", "/srv", "--env", "--debug"], ["run", "--", "-p", P, "--workdir", "/srv", "--env", "--debug"]);
        yield return Case("bare with a payload like an option of ours", ["-p", "--dry-run", "--containerImage", "i"], ["run", "--", "-p", "--dry-run", "--containerImage", "i"]);
        yield return Case("bare with a payload like an option with a value", ["-p", "--site", "--json"], ["run", "--json", "--", "-p", "--site"]);
        yield return Case("bare with an output map like an option", ["-o", "--json", "-i", "--quiet", "-p", P], ["run", "--", "-o", "--json", "-i", "--quiet", "-p", P]);
        yield return Case("bare with an unknown option", ["-p", P, "--no-such"], ["run", "--", "-p", P, "--no-such"]);
        yield return Case("bare with -p at the end", ["-j", "", "-p"], ["run", "--", "-j", "", "-p"]);
        yield return Case("the transform's name as first word", ["runcontainer", "-p", P], ["run", "--", "-p", P]);

        yield return Case("run with job parameters", ["run", "-j", "", "-p", P], ["run", "--", "-j", "", "-p", P]);
        yield return Case("run with a separator", ["run", "--json", "--", "-p", P, "--json"], ["run", "--json", "--", "-p", P, "--json"]);
        yield return Case("run of a file", ["run", "--job", "f", "--workdir", "/w", "--env", "A=b"], ["run", "--job", "f", "--workdir", "/w", "--env", "A=b"]);
        yield return Case("run of a file in one word", ["run", "--job=f"], ["run", "--job=f"]);
        yield return Case("run of a pulled job", ["run", "--pull-job", "--server", "u"], ["run", "--pull-job", "--server", "u"]);
        yield return Case("help of run", ["run", "--help"], ["run", "--help"]);
        yield return Case("dry run of a file", ["--dry-run", "run", "--job", "f"], ["run", "--dry-run", "--job", "f"]);
        yield return Case("dry run of parameters", ["--dry-run", "run", "-p", P], ["run", "--dry-run", "--", "-p", P]);

        yield return Case("exec without a separator", ["exec", "i", "ls", "-la"], ["exec", "i", "--", "ls", "-la"]);
        yield return Case("exec with a separator", ["exec", "i", "--", "ls", "-la"], ["exec", "i", "--", "ls", "-la"]);
        yield return Case("exec with options of ours", ["exec", "--bind", "/a", "--json", "i", "ls"], ["exec", "--bind", "/a", "--json", "i", "--", "ls"]);
        yield return Case("exec with an option in one word", ["exec", "--bind=/a:/b", "i", "ls"], ["exec", "--bind=/a:/b", "i", "--", "ls"]);
        yield return Case("exec with options behind the image", ["exec", "i", "--bind", "/a", "--", "ls"], ["exec", "--bind", "/a", "i", "--", "ls"]);
        yield return Case("exec leaves the command its options", ["exec", "i", "sh", "--json", "--bind", "x"], ["exec", "i", "--", "sh", "--json", "--bind", "x"]);
        yield return Case("exec leaves what follows the image without a separator", ["exec", "i", "--version"], ["exec", "i", "--", "--version"]);
        yield return Case("exec leaves a second separator", ["exec", "i", "--", "sh", "--", "x"], ["exec", "i", "--", "sh", "--", "x"]);
        yield return Case("exec of the image's own command", ["exec", "i"], ["exec", "i", "--"]);
        yield return Case("exec with the image behind the separator", ["exec", "--", "i", "ls"], ["exec", "--", "i", "ls"]);
        yield return Case("exec with leading options", ["--dry-run", "--site", "x", "exec", "i", "ls"], ["exec", "--dry-run", "--site", "x", "i", "--", "ls"]);
        yield return Case("shell", ["shell", "--quiet", "i"], ["shell", "--quiet", "i", "--"]);

        yield return Case("plan", ["--json", "plan", "i"], ["plan", "--json", "i"]);
        yield return Case("site show", ["site", "show", "laptop"], ["site", "show", "laptop"]);
        yield return Case("probe", ["probe", "--json"], ["probe", "--json"]);
    }

    [TestCaseSource(nameof(Forms))]
    public void A_form_gets_its_order(string[] words, string[] expected) =>
        Assert.That(WordOrder.Normalise("gridwrap", [.. words]), Is.EqualTo(expected));

    [TestCase("exec", "i")]
    [TestCase("-j", "")]
    [TestCase("--help", "-p")]
    public void Called_as_the_transform_everything_is_a_job_parameter(string first, string second) =>
        Assert.That(WordOrder.Normalise("runcontainer", [first, second]), Is.EqualTo(new[] { "run", "--", first, second }));

    /// <summary>The fall-back for help texts and suggestions must not drift from what the words may be.</summary>
    [Test]
    public void Every_command_is_recognised_as_the_first_word()
    {
        using IDisposable scope = Assert.EnterMultipleScope();
        foreach (string command in WordOrder.CommandNames)
        {
            Assert.That(WordOrder.Normalise("gridwrap", [command, "--help"])[0], Is.EqualTo(command));
        }
    }

    private static TestCaseData Case(string name, string[] words, string[] expected) => new TestCaseData(words, expected).SetArgDisplayNames(name);
}
