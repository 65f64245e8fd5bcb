using System.Text.RegularExpressions;
using GridWrapper.Tests.Documentation;

namespace GridWrapper.Tests.ArchitectureTests;

/// <summary>The walls between the rooms (docs/architecture.md), read off the source. To change a wall, change the table here, and say why in the commit.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ArchitectureTest
{
    private const int MaximumLines = 400;

    /// <summary>Which rooms a room may mention besides itself. "Everything" stands for all of them.</summary>
    private static readonly Dictionary<string, string> Walls = new()
    {
        [""] = "Everything",
        ["Commands"] = "Everything",
        ["Running"] = "Everything",
        ["SelfTest"] = "Everything",
        ["Diagnostics"] = "Linux",
        ["Linux"] = "Diagnostics",
        ["Images"] = "Diagnostics",
        ["Jobs"] = "Diagnostics Images",
        ["Sites"] = "Diagnostics",
        ["Squashfs"] = "Diagnostics Linux",
        ["Probing"] = "Diagnostics Linux Images Sites Squashfs",
        ["Planning"] = "Diagnostics Images Jobs Sites Probing Strategies Launching",
        ["Strategies"] = "Diagnostics Linux Images Sites Probing Planning Registries Layers Serving Squashfs",
        ["Registries"] = "Diagnostics Linux Images Sites Probing Layers Serving",
        ["Layers"] = "Diagnostics Linux Images Squashfs",
        ["Serving"] = "Diagnostics Linux Images Layers",
        ["Watching"] = "Diagnostics Linux Probing",
        ["Launching"] = "Diagnostics Linux Images Sites Probing Planning Strategies Serving Watching",
        ["Outputs"] = "Diagnostics Linux Jobs",
        ["Staging"] = "Diagnostics Linux Jobs Sites Outputs Reporting",
        ["Reporting"] = "Diagnostics Linux Jobs Probing Launching Outputs Watching",
    };

    /// <summary>What only some places may use. The places are rooms ("Registries/") or files; nothing else may.</summary>
    private static IEnumerable<TestCaseData> Reserved()
    {
        static TestCaseData Rule(string what, string pattern, params string[] places) => new TestCaseData(pattern, places).SetName(what);
        yield return Rule("system calls are declared in Linux", @"\b(DllImport|LibraryImport)\b", "Linux/");
        yield return Rule("child processes start through Linux.ChildProcess", @"\bSystem\.Diagnostics\.Process\b|\bProcessStartInfo\b|(?<![\w.])Process\.(Start|Get)");
        yield return Rule("the command line parser stays in Commands", @"\bSystem\.CommandLine\b", "Commands/", "Program.cs");
        yield return Rule("RestSharp stays in Reporting", @"\bRestSharp\b", "Reporting/");
        yield return Rule(
            "HTTP is spoken in Registries, in Staging, by the PanDA transport and for the sandbox",
            @"\b(HttpClient|HttpMessageInvoker)\b",
            "Registries/", "Staging/", "Reporting/", "Running/SandboxFetcher.cs", "Running/Composition.cs");
        yield return Rule("NLog is loaded through RoomLog, when somebody hears", @"\bNLog\b", "Diagnostics/");
        yield return Rule("Polly is loaded by what failed once", @"\bPolly\b", "Registries/RegistryRetries.cs", "Reporting/RetryRules.cs");
        yield return Rule("Mono.Posix stays in Linux", @"\bMono\.Unix\b", "Linux/");
        yield return Rule("no JSON library on the path of exec", @"\bNewtonsoft\b",
            "Commands/", "Jobs/", "Sites/", "Images/", "Probing/", "Registries/", "Layers/", "Serving/", "Running/", "Reporting/", "Staging/", "SelfTest/", "Outputs/");
        yield return Rule("processes end by returning", @"\bEnvironment\.(Exit|FailFast)\b");
        yield return Rule("no blocking on tasks", @"\.GetAwaiter\(\)\.GetResult\(\)|\.Result\b(?=[;,)])(?!\s*[;,)]?\s*=>)", "Linux/", "Commands/", "Running/", "Reporting/", "Launching/", "SelfTest/");
    }

    private static IEnumerable<TestCaseData> PureRooms()
    {
        yield return new TestCaseData("Jobs", Array.Empty<string>());
        yield return new TestCaseData("Images", Array.Empty<string>());
        yield return new TestCaseData("Planning", Array.Empty<string>());

        // The one reader of files in a pure room: where profiles come from.
        yield return new TestCaseData("Sites", new[] { "Sites/SiteProfiles.cs" });
    }

    private static string[] Rooms() => [.. SourceFile.All.Select(f => f.Room).Distinct()];

    [TestCaseSource(nameof(Rooms))]
    public void A_room_mentions_only_what_it_may(string room)
    {
        Assert.That(Walls, Contains.Key(room), $"{room}/ is a new room: give it a line in the table of walls and in docs/architecture.md");
        string[] allowed = Walls[room].Split(' ');
        if (allowed is ["Everything"])
        {
            Assert.That(room, Is.AnyOf("", "Commands", "Running", "SelfTest"));
            return;
        }

        IEnumerable<string> forbidden = Walls.Keys.Where(other => other.Length > 0 && other != room && !allowed.Contains(other));
        string[] breaches = [.. SourceFile.All.Where(f => f.Room == room).SelectMany(f => forbidden.Where(other => MentionsRoom(f, other)).Select(other => $"{f.Path} mentions {other}"))];
        Assert.That(breaches, Is.Empty);
    }

    [TestCaseSource(nameof(Reserved))]
    public void Some_things_have_their_place(string pattern, string[] places)
    {
        string[] breaches = [.. SourceFile.All.Where(f => f.Mentions(pattern) && !places.Any(p => f.Path.StartsWith(p, StringComparison.Ordinal))).Select(f => f.Path)];
        Assert.That(breaches, Is.Empty);
    }

    [TestCaseSource(nameof(PureRooms))]
    public void A_pure_room_touches_no_files_network_or_clock(string room, string[] exceptions)
    {
        const string world = @"(?<![\w.])(File|Directory|FileInfo|DirectoryInfo|FileStream|HttpClient|Socket|TcpClient|Stopwatch)\b(?=[\s.(<>])|\bTimeProvider\.System\b|\bEnvironment\.Get";
        string[] breaches = [.. SourceFile.All.Where(f => f.Room == room && !exceptions.Contains(f.Path) && Regex.IsMatch(WithoutMembers(f.Code), world)).Select(f => f.Path)];
        Assert.That(breaches, Is.Empty);
    }

    [Test]
    public void A_file_is_short_enough_to_be_read() =>
        Assert.That(SourceFile.All.Where(f => f.Lines >= MaximumLines).Select(f => $"{f.Path}: {f.Lines} lines"), Is.Empty);

    [Test]
    public void Nothing_is_left_for_later()
    {
        const string later = @"\b(TODO|FIXME|XXX|HACK|NotImplementedException)\b";
        Assert.That(SourceFile.All.Where(f => Regex.IsMatch(f.Text, later)).Select(f => f.Path), Is.Empty);
    }

    [Test]
    public void No_exception_is_swallowed() =>
        Assert.That(SourceFile.All.Where(f => f.Mentions(@"catch\s*(\([^)]*\))?\s*(when\s*\([^{]*\))?\s*\{\s*\}")).Select(f => f.Path), Is.Empty);

    [Test]
    public void A_file_lies_in_the_room_of_its_namespace()
    {
        string[] breaches =
        [
            .. SourceFile.All.Where(f => f.Path != "GlobalUsings.cs" && f.Code.Contains("namespace", StringComparison.Ordinal))
                .Where(f => !f.Mentions($@"\bnamespace GridWrapper{(f.Room.Length == 0 ? "" : "." + f.Room)};")).Select(f => f.Path),
        ];
        Assert.That(breaches, Is.Empty);
    }

    [Test]
    public void Every_room_is_in_the_architecture_paper()
    {
        string paper = Repository.Read("docs/architecture.md");
        Assert.That(Rooms().Where(r => r.Length > 0 && !paper.Contains($"| `{r}/` |", StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>By a using, by its full name, or as `Room.Type` where the type is a file of that room (a property may bear a room's name).</summary>
    private static bool MentionsRoom(SourceFile file, string room) =>
        file.Mentions($@"\bGridWrapper\.{room}\b")
        || Regex.Matches(file.Code, $@"(?<![\w.]){room}\.(\w+)").Any(m => SourceFile.All.Any(f => f.Room == room && f.Name == m.Groups[1].Value));

    /// <summary>Members and enumeration values named File or Directory are no access to files.</summary>
    private static string WithoutMembers(string code) => Regex.Replace(code, @"\b(string|int|long|bool)\??\s+(File|Directory)\b|\b(File|Directory)\s*(,|=(?!=))", "");
}
