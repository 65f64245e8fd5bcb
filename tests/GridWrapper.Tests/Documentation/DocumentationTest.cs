using System.Reflection;
using System.Text.RegularExpressions;
using GridWrapper.Diagnostics;

namespace GridWrapper.Tests.Documentation;

/// <summary>What the papers say of the program is held against the program.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DocumentationTest
{
    private static string[] Papers =>
    [
        .. new[] { "README.md", "CHANGELOG.md" }
            .Concat(new[] { "docs", "pilot-hooks", "tests/testbed" }.Where(d => Directory.Exists(Repository.PathOf(d)))
                .SelectMany(d => Directory.GetFiles(Repository.PathOf(d), "*.md", SearchOption.AllDirectories)).Select(f => Path.GetRelativePath(Repository.Root, f)))
            .Order(),
    ];

    private static FieldInfo[] Constants(Type type) => [.. type.GetFields(BindingFlags.NonPublic | BindingFlags.Static).Where(f => f.IsLiteral)];

    private static IEnumerable<TestCaseData> PilotErrors() => Constants(typeof(PilotError)).Select(f => new TestCaseData(f.Name, (int)f.GetRawConstantValue()!));

    [TestCaseSource(nameof(PilotErrors))]
    public void A_pilot_code_is_in_the_catalogue(string name, int code) =>
        Assert.That(Repository.Read("docs/errors.md"), Does.Match($@"(?m)^\| {code} \| {name} \| (user|image|registry|cvmfs|site|server|gridwrap)( or (cvmfs|site))? \|"));

    [Test]
    public void The_catalogue_holds_no_other_codes()
    {
        IEnumerable<string> listed = Regex.Matches(Repository.Read("docs/errors.md"), @"(?m)^\| (\d{4}) \|").Select(m => m.Groups[1].Value);
        Assert.That(listed, Is.EqualTo(Constants(typeof(PilotError)).Select(f => $"{f.GetRawConstantValue()}").Order()));
    }

    [Test]
    public void Every_blame_is_explained() =>
        Assert.That(Enum.GetNames<Blame>().Where(b => !Repository.Read("docs/errors.md").Contains($"`{b.ToLowerInvariant()}`", StringComparison.Ordinal)), Is.Empty);

    [Test]
    public void Every_exit_code_of_ours_is_explained()
    {
        string catalogue = Repository.Read("docs/errors.md");
        IEnumerable<string> codes = Constants(typeof(ExitCodes)).Where(f => f.Name != nameof(ExitCodes.SignalBase)).Select(f => $"{f.GetRawConstantValue()}");
        Assert.That(codes.Where(c => !Regex.IsMatch(catalogue, $@"(?m)^\|[^|]*\b{c}\b[^|]*\|")), Is.Empty);
        Assert.That(codes, Has.None.AnyOf("2", "3", "251", "255"));
    }

    [TestCaseSource(nameof(Papers))]
    public void A_link_to_a_file_leads_somewhere(string paper)
    {
        string folder = Path.GetDirectoryName(Repository.PathOf(paper))!;
        string[] broken =
        [
            .. Regex.Matches(Repository.Read(paper), @"\]\(([^)\s]+)\)").Select(m => m.Groups[1].Value.Split('#')[0])
                .Where(t => t.Length > 0 && !t.Contains("://", StringComparison.Ordinal))
                .Where(t => !Path.Exists(Path.Combine(folder, t))),
        ];
        Assert.That(broken, Is.Empty);
    }

    [TestCaseSource(nameof(Papers))]
    public void A_paper_has_no_line_that_a_terminal_cannot_show(string paper) =>
        Assert.That(Repository.Read(paper).Split('\n').Where(l => l.Contains('\t', StringComparison.Ordinal) || l.EndsWith(' ')), Is.Empty);

    /// <summary>A paper must not promise what is only planned.</summary>
    [TestCaseSource(nameof(Papers))]
    public void A_command_that_a_paper_names_exists(string paper)
    {
        IEnumerable<string> named = Regex.Matches(Repository.Read(paper), @"(?<=(?:^    |`|/)gridwrap )[a-z]+(?![\w.])", RegexOptions.Multiline).Select(m => m.Value).Distinct();
        string[] absent =
        [
            .. named.Where(n => n is not ("runcontainer" or "alrb" or "apptainer"))
                .Where(n => !File.Exists(Repository.PathOf($"src/GridWrapper/Commands/{(n == "shell" ? "Exec" : char.ToUpperInvariant(n[0]) + n[1..])}Command.cs"))),
        ];
        Assert.That(absent, Is.Empty);
    }

    [Test]
    public void The_decisions_are_numbered_without_gaps_and_linked()
    {
        string[] pages = [.. Directory.GetFiles(Repository.PathOf("docs/decisions"), "*.md").Select(f => Path.GetFileName(f)).Order()];
        Assert.That(pages.Select(p => p[..4]), Is.EqualTo(Enumerable.Range(1, pages.Length).Select(n => $"{n:0000}")));
        string paper = Repository.Read("docs/architecture.md");
        Assert.That(pages.Where(p => !paper.Contains("decisions/" + p, StringComparison.Ordinal)), Is.Empty);
    }
}
