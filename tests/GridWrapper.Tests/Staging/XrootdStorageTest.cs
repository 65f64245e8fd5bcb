using GridWrapper.Diagnostics;
using GridWrapper.Outputs;
using GridWrapper.Sites;
using GridWrapper.Staging;

namespace GridWrapper.Tests.Staging;

/// <summary>With a stand-in for xrdcp that copies below a directory; the real one is met in the system tests.</summary>
[Parallelizable(ParallelScope.All), CancelAfter(60_000)]
public sealed class XrootdStorageTest
{
    /// <summary>The last two words are source and destination.</summary>
    private const string Copier = """
        #!/bin/sh
        echo "$*" >>"${0%/*}/calls"
        for word; do before=$last; last=$word; done
        map() { case $1 in root://*) echo "${0%/*}/store/${1##*//}" ;; *) echo "$1" ;; esac; }
        fault
        case $last in
            -) cat "$(map "$before")" ;;
            *) cp "$(map "$before")" "$(map "$last")" ;;
        esac
        """;

    private const string Asker = """
        #!/bin/sh
        echo "fs $2" >>"${0%/*}/calls"
        case $2 in
            rm) rm -f "${0%/*}/store/${3##*/}" ;;
            stat) [ -e "${0%/*}/store/${3##*/}" ] || { echo '[ERROR] Server responded with an error: [3011] No such file or directory' >&2; exit 54; } ;;
        esac
        """;

    private static StagingBench New(string fault, double stall = 60)
    {
        string root = Directory.CreateTempSubdirectory("gw-xrdcp-").FullName;
        StagingBench bench = new(new StoragePolicy { Xrdcp = root + "/xrdcp", StallSeconds = stall, Tries = 2 });
        Directory.CreateDirectory(root + "/store");
        foreach ((string name, string text) in ((string, string)[])[("xrdcp", Copier.Replace("\nfault\n", $"\n{fault}\n", StringComparison.Ordinal)), ("xrdfs", Asker)])
        {
            File.WriteAllText($"{root}/{name}", text);
            File.SetUnixFileMode($"{root}/{name}", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return bench;
    }

    private static string Place(StagingBench bench) => Path.GetDirectoryName(bench.Context.Policy.Xrdcp)!;

    private static string[] Calls(StagingBench bench) => File.ReadAllLines(Place(bench) + "/calls");

    [Test]
    public async Task The_checksum_is_compared_by_the_program(CancellationToken ct)
    {
        using StagingBench bench = New("");
        (OutputFile file, OutputFault? fault) = await bench.Delivery("root://se.example//").DeliverAsync(await bench.OutputAsync([1, 2]), ct);
        Assert.That((fault, file.Url), Is.EqualTo(((OutputFault?)null, "root://se.example//out.root")));
        Assert.That(await File.ReadAllBytesAsync(Place(bench) + "/store/out.root", ct), Is.EqualTo(new byte[] { 1, 2 }));
        Assert.That(Calls(bench)[0], Is.EqualTo("fs stat"));
        Assert.That(Calls(bench).Skip(1).Single(), Does.Contain("--cksum adler32:" + file.Adler32).And.Contain("--rm-bad-cksum").And.Not.Contain("--force"));
    }

    [Test]
    public async Task Of_a_server_without_checksums_the_file_is_read_again([Values] bool damaged, CancellationToken ct)
    {
        string write = damaged ? "printf x >" : "cp \"$before\" ";
        using StagingBench bench = New($"case $last in root://*) {write} \"$(map \"$last\")\"; echo '[ERROR] Server responded with an error: [3013] query chksum is not supported' >&2; exit 54;; esac");
        (OutputFile file, OutputFault? fault) = await bench.Delivery("root://se.example//").DeliverAsync(await bench.OutputAsync([1, 2]), ct);
        Assert.That(file.Url is null, Is.EqualTo(damaged));
        Assert.That(File.Exists(Place(bench) + "/store/out.root"), Is.EqualTo(!damaged), "what arrived damaged does not stay");
        Assert.That(fault?.Message, damaged ? Does.Contain("has 1 bytes") : Is.Null);
    }

    [Test]
    public async Task A_second_try_may_replace_what_the_first_left(CancellationToken ct)
    {
        using StagingBench bench = New("[ -e \"${0%/*}/once\" ] || { : >\"${0%/*}/once\"; echo 'Run: [ERROR] CheckSum error' >&2; exit 53; }");
        (OutputFile file, _) = await bench.Delivery("root://se.example//").DeliverAsync(await bench.OutputAsync([1]), ct);
        Assert.That(file.Url, Is.Not.Null);
        Assert.That(Calls(bench).Select(c => c.StartsWith("fs ", StringComparison.Ordinal) ? c : c.Contains("--force", StringComparison.Ordinal) ? "force" : "first"), Is.EqualTo(new[] { "fs stat", "first", "fs rm", "force" }));
    }

    [Test]
    public async Task A_program_that_moves_nothing_is_ended(CancellationToken ct)
    {
        using StagingBench bench = New("sleep 100", stall: 0.3);
        (_, OutputFault? fault) = await bench.Delivery("root://se.example//").DeliverAsync(await bench.OutputAsync([1]), ct);
        Assert.That(fault!.PilotErrorCode, Is.EqualTo(PilotError.StageOutTimeout));
    }

    [Test]
    public async Task Whoever_ends_a_delivery_finds_nothing_half_written_and_everything_else_untouched([Values] bool standing, CancellationToken ct)
    {
        using StagingBench bench = New("case $last in root://*) printf x >\"$(map \"$last\")\"; : >\"${0%/*}/began\"; sleep 100;; esac");
        string place = Place(bench) + "/store/out.root";
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        if (standing)
        {
            await File.WriteAllTextAsync(place, "somebody else's", ct);
            await stop.CancelAsync();
        }

        Task<(OutputFile File, OutputFault? Fault)> delivery = bench.Delivery("root://se.example//").DeliverAsync(await bench.OutputAsync([1]), stop.Token);
        while (!standing && !File.Exists(Place(bench) + "/began"))
        {
            await Task.Delay(20, ct);
        }

        await stop.CancelAsync();
        Assert.That((await delivery).Fault!.Message, Does.Contain("the run was ended before"));
        Assert.That(File.Exists(place) ? await File.ReadAllTextAsync(place, ct) : null, Is.EqualTo(standing ? "somebody else's" : null));
    }

    [Test]
    public async Task What_stands_there_is_left_alone([Values] bool same, CancellationToken ct)
    {
        using StagingBench bench = New("");
        await File.WriteAllBytesAsync(Place(bench) + "/store/out.root", same ? [1] : [2, 3], ct);
        (OutputFile file, OutputFault? fault) = await bench.Delivery("root://se.example//").DeliverAsync(await bench.OutputAsync([1]), ct);
        Assert.That((file.Url is not null, fault?.Message.Contains("something else stands at", StringComparison.Ordinal)), Is.EqualTo((same, same ? (bool?)null : true)));
        Assert.That(Calls(bench).Count(c => c == "fs rm"), Is.Zero);
    }

    [Test]
    public async Task Inputs_come_in(CancellationToken ct)
    {
        using StagingBench bench = New("");
        await File.WriteAllTextAsync(Place(bench) + "/store/in", "Wikipedia", ct);
        await bench.Staging("root://se.example//").FetchAsync([new WantedInput("in") { Checksum = FileChecksum.Parse("11e60398") }], bench.JobDirectory, ct);
        Assert.That(await File.ReadAllTextAsync(bench.JobDirectory + "/in", ct), Is.EqualTo("Wikipedia"));
    }

    [Test]
    public void Without_the_program_such_an_address_is_refused_before_anything_runs(CancellationToken ct)
    {
        using StagingBench bench = new(new StoragePolicy { Xrdcp = "/nonexistent/xrdcp" });
        GridWrapperException thrown = Assert.ThrowsAsync<GridWrapperException>(() => bench.Delivery("root://se.example//").CheckAsync(ct));
        Assert.That((thrown.Failure.ExitCode, thrown.Failure.Blame), Is.EqualTo((ExitCodes.TryElsewhere, Blame.Site)));
        Assert.That(thrown.Message, Does.Contain("need the program /nonexistent/xrdcp").And.Contain("install xrootd-client"));
        Assert.That(() => bench.Delivery("root://se.example//", "/tmp").CheckAsync(ct), Throws.Nothing, "another address can take the outputs");
    }

    [TestCase(54, "[ERROR] Server responded with an error: [3011] Unable to open /a; no such file or directory", "Absent")]
    [TestCase(54, "[ERROR] Server responded with an error: [3010] Unable to create /ro/f; permission denied", "Denied")]
    [TestCase(52, "[FATAL] Auth failed: No protocols left to try", "Denied")]
    [TestCase(54, "[ERROR] Server responded with an error: [3009] Unable to write /full/f; no space left on device", "Full")]
    [TestCase(50, "Run: [ERROR] Invalid operation: file exists", "Taken")]
    [TestCase(53, "Run: [ERROR] CheckSum error", "Mismatch")]
    [TestCase(51, "Run: [FATAL] Connection error", "Unreachable")]
    [TestCase(51, "Run: [FATAL] TLS error: Unable to use CA cert directory /etc/grid-security/certificates; does not exist. (destination)", "Unusable")]
    [TestCase(54, "[ERROR] Server responded with an error: [3011] No servers are available to read the file.", "Absent", Description = "a redirector")]
    [TestCase(51, "[ERROR] Operation expired", "Stalled")]
    [TestCase(54, "[ERROR] Server responded with an error: [3012] Internal", "Broken")]
    [TestCase(127, "sh: 1: exec: xrdcp: not found", "Unusable")]
    public void What_the_program_s_last_words_mean(int code, string words, string trouble) =>
        Assert.That(XrootdStorage.Fault(new HelperEnd(code, words + "\n\n"), "root://se//x").Trouble.ToString(), Is.EqualTo(trouble));

    [TestCase("root://se.example:1094//a/b", "root://se.example:1094", "/a/b")]
    [TestCase("root://se.example/a/b", "root://se.example", "/a/b")]
    public void Addresses_in_two_parts(string place, string server, string path) => Assert.That(XrootdStorage.Split(place), Is.EqualTo((server, path)));
}
