using System.CommandLine;
using GridWrapper.Commands;

namespace GridWrapper.Tests.Commands;

/// <summary>The quick reader of `exec` and the general parser find the same meaning, or the quick one leaves the line to the other.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ExecWordsTests
{
    private static readonly OptionSpec[] Told =
    [
        GlobalOptions.Site, GlobalOptions.Cache, GlobalOptions.Json, GlobalOptions.Bind, GlobalOptions.Env, GlobalOptions.Timeout, GlobalOptions.Writable, GlobalOptions.InitialDirectory,
    ];

    private static string[] Meaning(OptionValues options, string image, IEnumerable<string> command) =>
        [.. Told.Select(o => $"{o.Name}={string.Join(',', options.List(o))}"), $"image={image}", .. command];

    [TestCase("i")]
    [TestCase("i ls -la")]
    [TestCase("i -- ls --json")]
    [TestCase("--json i ls")]
    [TestCase("--bind /a --bind /b:/c --env A=b --env C= i ls")]
    [TestCase("--site laptop --cache /c --timeout 5 --writable i true")]
    [TestCase("--pwd / i -- sh -c x -- y")]
    public void A_plain_line_means_the_same_to_both(string line)
    {
        ImmutableArray<string> words = WordOrder.Normalise("gridwrap", ["exec", .. line.Split(' ')]);
        ExecWords quick = ExecWords.Read(words)!;
        ParseResult parsed = CommandLine.Parse(words);
        Argument<string> image = parsed.CommandResult.Command.Arguments.OfType<Argument<string>>().Single();
        Argument<string[]> command = parsed.CommandResult.Command.Arguments.OfType<Argument<string[]>>().Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(parsed.Errors, Is.Empty);
            Assert.That(
                Meaning(quick.Options, quick.Image, quick.Command),
                Is.EqualTo(Meaning(CommandOptions.Values(parsed), parsed.GetRequiredValue(image), parsed.GetValue(command) ?? [])));
        }
    }

    [TestCase("")]
    [TestCase("--bnd /a i ls")]
    [TestCase("--bind=/a i ls")]
    [TestCase("--timeout -1 i ls")]
    [TestCase("--timeout 1 --timeout 2 i ls")]
    [TestCase("--help")]
    [TestCase("-- i ls")]
    [TestCase("--bind")]
    public void What_is_not_plain_is_left_to_the_general_parser(string line) =>
        Assert.That(ExecWords.Read(WordOrder.Normalise("gridwrap", ["exec", .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)])), Is.Null);

    [TestCase("run")]
    [TestCase("plan")]
    public void Other_commands_are_left_to_the_general_parser(string command) => Assert.That(ExecWords.Read([command, "i", "--"]), Is.Null);
}
