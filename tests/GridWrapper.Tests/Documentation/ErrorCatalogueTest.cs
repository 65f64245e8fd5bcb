using System.Reflection;
using System.Text.RegularExpressions;
using GridWrapper.Diagnostics;

namespace GridWrapper.Tests.Documentation;

/// <summary>Every code of the pilot that this program knows is raised by it, provoked by a test and explained to admin and user; every other that concerns wrappers has its reason.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ErrorCatalogueTest
{
    /// <summary>Codes that wrappers are to consider (reference of the pilot's codes).</summary>
    private static readonly int[] OfWrappers =
    [
        1098, 1099, 1103, 1104, 1106, 1110, 1124, 1137, 1144, 1145, 1149, 1150, 1152, 1163, 1165, 1171, 1177, 1187, 1190, 1191, 1199, 1200, 1201, 1202, 1203, 1204, 1205, 1206, 1207, 1208,
        1211, 1212, 1213, 1220, 1235, 1246, 1305, 1306, 1307, 1308, 1309, 1310, 1315, 1318, 1325, 1328, 1331, 1334, 1335, 1336, 1340, 1343, 1344, 1345, 1346, 1348, 1349, 1350, 1355, 1356,
        1357, 1358, 1359, 1360, 1367, 1370, 1371, 1372, 1373, 1377, 1379, 1382, 1384, 1385, 1386,
    ];

    private static readonly Lazy<ImmutableArray<(string File, string Text)>> Sources = new(() => Read("src/GridWrapper", "PilotError.cs"));

    /// <summary>[Provokes(…)] and the method it stands on.</summary>
    private static readonly Lazy<ILookup<string, string>> Provoking = new(() => Read("tests", "ErrorCatalogueTest.cs").SelectMany(static s => ProvokedIn(s.File, s.Text))
        .ToLookup(static p => p.Code, static p => p.Test, StringComparer.Ordinal));

    private static (string Name, int Code)[] Constants =>
        [.. typeof(PilotError).GetFields(BindingFlags.NonPublic | BindingFlags.Static).Where(f => f.IsLiteral).Select(f => (f.Name, (int)f.GetRawConstantValue()!))];

    private static IEnumerable<TestCaseData> Codes() => Constants.Select(c => new TestCaseData(c.Name, c.Code));

    [TestCaseSource(nameof(Codes))]
    public void A_code_is_raised_somewhere(string name, int code) =>
        Assert.That(Sources.Value.Where(s => Regex.IsMatch(s.Text, $@"\bPilotError\.{name}\b")), Is.Not.Empty, $"{code} is only a constant");

    [TestCaseSource(nameof(Codes))]
    public void A_code_is_provoked_by_a_test(string name, int code) => Assert.That(Provoking.Value[name], Is.Not.Empty, $"no test has [Provokes(PilotError.{name})] for {code}");

    /// <summary>Code, name, blame, exit code, cause, admin, user: the cause always, and somebody who can do something.</summary>
    [TestCaseSource(nameof(Codes))]
    public void A_code_is_explained(string name, int code)
    {
        string? row = Repository.Read("docs/errors.md").Split('\n').FirstOrDefault(l => l.StartsWith($"| {code} | {name} |", StringComparison.Ordinal));
        string[] cells = [.. (row ?? "").Split('|').Select(static c => c.Trim())];
        Assert.That(cells, Has.Length.EqualTo(9), row);
        Assert.That(cells[5], Has.Length.GreaterThan(20), "the cause");
        Assert.That(cells[6].Length > 0 && cells[7].Length > 0, Is.True, "what the admin does and what the user does; 'nothing' is a word, too");
    }

    [Test]
    public void What_is_not_raised_has_its_reason()
    {
        int[] raised = [.. Constants.Select(c => c.Code)];
        string catalogue = Repository.Read("docs/errors.md");
        string reasons = catalogue[catalogue.IndexOf("## Codes that are not raised", StringComparison.Ordinal)..];
        int[] explained = [.. Regex.Matches(reasons, @"(?m)^\| `(\d{4})` \w+ \| .{20,} \|$").Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];
        Assert.That(raised.Concat(explained).Order(), Is.EqualTo(OfWrappers));
    }

    private static IEnumerable<(string Code, string Test)> ProvokedIn(string file, string text)
    {
        List<string> codes = [];
        bool inside = false;
        foreach (string line in text.Split('\n'))
        {
            inside |= line.StartsWith("    [Provokes(", StringComparison.Ordinal) || line.StartsWith("    [Tests.Provokes(", StringComparison.Ordinal);
            if (inside)
            {
                codes.AddRange(Regex.Matches(line, @"PilotError\.(\w+)").Select(static m => m.Groups[1].Value));
                inside = !line.EndsWith(")]", StringComparison.Ordinal);
            }
            else if (line.StartsWith("    public ", StringComparison.Ordinal))
            {
                foreach (string code in codes)
                {
                    yield return (code, $"{file}: {line.Trim()}");
                }

                codes.Clear();
            }
        }
    }

    private static ImmutableArray<(string File, string Text)> Read(string directory, string but) =>
        [.. FilesBelow(new DirectoryInfo(Repository.PathOf(directory))).Where(f => f.Name != but).Select(f => (f.Name, File.ReadAllText(f.FullName)))];

    /// <summary>Not what was built, nor what tests left there.</summary>
    private static IEnumerable<FileInfo> FilesBelow(DirectoryInfo directory) => directory.EnumerateFiles("*.cs")
        .Concat(directory.EnumerateDirectories().Where(static d => d.Name is not ("bin" or "obj") && d.LinkTarget is null).SelectMany(FilesBelow));
}
