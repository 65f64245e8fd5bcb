using System.Security.Cryptography;
using GridWrapper.Outputs;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Inputs and outputs over real storages, and what can go wrong with those.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(180_000)]
internal sealed class StorageTests : EndToEndFixture
{
    private const string Input = "EVNT.1._000001.pool.root.1";
    private const int Size = 1_000_000;

    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(Size);

    private StorageServers _servers = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _servers = await StorageServers.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _servers.StopAsync();
        foreach (string point in Area.Mounts(_servers.Root).Order().Reverse())
        {
            Tool.Run("/bin/umount", point);
        }
    }

    private static IEnumerable<TestCaseData> Ways()
    {
        yield return new TestCaseData("xrootd", (StorageServers s) => s.Xrootd + "/{rucio}", "").SetArgDisplayNames("XRootD");
        yield return new TestCaseData("xrootd", (StorageServers s) => s.XrootdHttp + "/{rucio}", "").SetArgDisplayNames("the HTTP door of XRootD");
        yield return new TestCaseData("silent", (StorageServers s) => s.Silent, "").SetArgDisplayNames("XRootD without checksums");
        yield return new TestCaseData("silent", (StorageServers s) => s.SilentHttp, "").SetArgDisplayNames("the HTTP door of XRootD without checksums");
        yield return new TestCaseData("encrypted", (StorageServers s) => s.Encrypted + "/{rucio}", "trust").SetArgDisplayNames("XRootD with TLS");
        yield return new TestCaseData("cluster", (StorageServers s) => s.Redirector + "/{rucio}", "").SetArgDisplayNames("a redirector of XRootD");
        yield return new TestCaseData("webdav", (StorageServers s) => s.Dav + "/some/{rucio}", "").SetArgDisplayNames("WebDAV");
        yield return new TestCaseData("webdav", (StorageServers s) => s.Davs, "proxy").SetArgDisplayNames("WebDAV with a certificate");
        yield return new TestCaseData("webdav", (StorageServers s) => s.Davs + "/token", "token").SetArgDisplayNames("WebDAV with a token");
    }

    /// <summary>The input lies where an output of the same name would be delivered to; the payload copies it.</summary>
    [TestCaseSource(nameof(Ways))]
    public async Task A_job_s_input_and_output_travel(string server, Func<StorageServers, string> address, string credentials, CancellationToken ct)
    {
        Area area = NewArea();
        Show(area, credentials);
        string target = address(_servers);
        string store = _servers.Store(server);
        string input = Path.Combine(store, Below(target, server), Input);
        Directory.CreateDirectory(Path.GetDirectoryName(input)!);
        await File.WriteAllBytesAsync(input, Content, ct);
        Tool.Run("/bin/chown", "-R", "12345:12345", store);
        string lfn = "user.tester." + Guid.NewGuid().ToString("N");
        Outcome outcome = await area.RunAsync(ct, "run", "--site", Profile(area), "--stage-in", target, "--stage-out", target, "--job", Job(area, lfn));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        JToken output = area.Result["outputs"]!.Single();
        string[] there = Directory.GetFiles(store, lfn, SearchOption.AllDirectories);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)output["url"], Does.Not.Contain("{rucio}").And.EndWith("/" + lfn));
            Assert.That(await File.ReadAllBytesAsync(there.Single(), ct), Is.EqualTo(Content));
            Assert.That(there.Single().Contains("/user/tester/", StringComparison.Ordinal), Is.EqualTo(target.Contains("{rucio}", StringComparison.Ordinal)));
            Assert.That((double)area.Result["timings"]!["stageIn"]!, Is.Positive);
        }
    }

    private static IEnumerable<TestCaseData> Refusals()
    {
        yield return new TestCaseData((StorageServers s) => s.Xrootd + "/full", "xrdcp with root://").SetArgDisplayNames("XRootD full");
        yield return new TestCaseData((StorageServers s) => s.Xrootd + "/closed", "permission denied").SetArgDisplayNames("XRootD closed");
        yield return new TestCaseData((StorageServers s) => s.Xrootd.Replace("root://", "roots://", StringComparison.Ordinal), "TLS").SetArgDisplayNames("XRootD without TLS where it is wanted");
        yield return new TestCaseData((StorageServers s) => s.Dav + "/full", "").SetArgDisplayNames("WebDAV full");
        yield return new TestCaseData((StorageServers s) => s.Dav + "/refused", "answered 403").SetArgDisplayNames("WebDAV closed");
        yield return new TestCaseData((StorageServers s) => s.Davs, "no credentials were found to be shown").SetArgDisplayNames("WebDAV without credentials");
        yield return new TestCaseData((StorageServers s) => "root://127.0.0.1:9//x", "Connection error").SetArgDisplayNames("nobody there");
    }

    [TestCaseSource(nameof(Refusals))]
    public async Task A_storage_that_does_not_take_the_output_is_named_and_nothing_half_stays(Func<StorageServers, string> address, string words, CancellationToken ct)
    {
        Area area = NewArea();
        Show(area, "");
        area.Variables["X509_CERT_DIR"] = _servers.Trusted;
        string[] stores = [_servers.Store("xrootd"), _servers.Store("webdav")];
        foreach (string store in stores.Where(s => !Directory.Exists(s + "/full")))
        {
            Directory.CreateDirectory(store + "/full");
            Tool.Run("/bin/mount", "-t", "tmpfs", "-o", "size=300k,uid=12345", "none", store + "/full");
            Directory.CreateDirectory(store + "/closed", UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        string lfn = "user.tester." + Guid.NewGuid().ToString("N");
        await File.WriteAllBytesAsync(area.JobFile(Input), Content, ct);
        Outcome outcome = await area.RunAsync(ct, "run", "--site", Profile(area), "--stage-out", address(_servers), "--job", Job(area, lfn));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(73), outcome.ToString());
            Assert.That(outcome.Stderr, Does.Contain("gridwrap: site: ").And.Contain(words).And.EndWith("[step=stage-out pilot=1137]\n"));
            Assert.That(stores.SelectMany(s => Directory.GetFiles(s, "*" + lfn + "*", SearchOption.AllDirectories)), Is.Empty);
            Assert.That(new FileInfo(area.JobFile(lfn)).Length, Is.EqualTo(Size));
        }
    }

    [Test]
    public async Task A_certificate_that_nobody_here_trusts_is_not_tried_again(CancellationToken ct)
    {
        Area area = NewArea();
        await File.WriteAllBytesAsync(area.JobFile(Input), Content, ct);
        Outcome outcome = await area.RunAsync(ct, "run", "--site", Profile(area), "--stage-out", _servers.Encrypted, "--job", Job(area, "user.tester." + Guid.NewGuid().ToString("N")));
        Assert.That((outcome.ExitCode, outcome.Stderr.Contains("TLS error", StringComparison.Ordinal)), Is.EqualTo((73, true)), outcome.ToString());
        Assert.That(area.ReadText("gridwrap.log"), Does.Not.Contain("try 1"));
    }

    [Test]
    public async Task What_is_damaged_on_the_way_is_sent_again([Values] bool dav, CancellationToken ct)
    {
        Area area = NewArea();
        await using FaultyWire wire = new(StorageServers.Port(dav ? _servers.Dav : _servers.Xrootd), FaultyWire.Fault.Damage, times: 1);
        string target = $"{(dav ? "dav" : "root")}://127.0.0.1:{wire.Port}/{(dav ? "" : "/")}damaged";
        await File.WriteAllBytesAsync(area.JobFile(Input), Content, ct);
        string lfn = "user.tester." + Guid.NewGuid().ToString("N");
        Outcome outcome = await area.RunAsync(ct, "run", "--site", Profile(area), "--log-level", "warn", "--stage-out", target, "--job", Job(area, lfn));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That(await File.ReadAllBytesAsync(Path.Combine(_servers.Store(dav ? "webdav" : "xrootd"), "damaged", lfn), ct), Is.EqualTo(Content));
        if (dav)
        {
            // XRootD's client mends a damaged stream by itself.
            Assert.That(area.ReadText("gridwrap.log"), Does.Contain("try 1"));
        }
    }

    [Test]
    public async Task A_storage_that_stops_is_given_up_and_the_next_one_takes_the_output([Values] bool dav, CancellationToken ct)
    {
        Area area = NewArea();
        await using FaultyWire wire = new(StorageServers.Port(dav ? _servers.Dav : _servers.Xrootd), FaultyWire.Fault.Stop, times: 100);
        string target = $"{(dav ? "dav" : "root")}://127.0.0.1:{wire.Port}/{(dav ? "" : "/")}slow";
        await File.WriteAllBytesAsync(area.JobFile(Input), Content, ct);
        string lfn = "user.tester." + Guid.NewGuid().ToString("N");
        string profile = Profile(area, "\"tries\": 1, \"stallSeconds\": 2");
        Outcome outcome = await area.RunAsync(ct, "run", "--site", profile, "--stage-out", target, "--stage-out", _servers.XrootdHttp + "/spare", "--job", Job(area, lfn));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        Assert.That(await File.ReadAllBytesAsync(Path.Combine(_servers.Store("xrootd"), "spare", lfn), ct), Is.EqualTo(Content));
        Assert.That(area.ReadText("gridwrap.log"), Does.Contain("too long"));
    }

    [Test]
    public async Task A_job_that_the_server_kills_while_its_output_travels_ends_at_once_and_leaves_nothing_there([Values] bool dav, CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        await using FaultyWire wire = new(StorageServers.Port(dav ? _servers.Dav : _servers.Xrootd), FaultyWire.Fault.Stop, times: 100);
        string lfn = "user.tester." + Guid.NewGuid().ToString("N");
        server.AddJob(new TestJob { Image = Testbed.ReadableTree, Exec = "head -c 1000000 /dev/zero >out.dat", OutMap = $"{{'out.dat': '{lfn}'}}", OutFiles = $"{lfn},{TestJob.LogLfn}" }.Json);
        string target = $"{(dav ? "dav" : "root")}://127.0.0.1:{wire.Port}/{(dav ? "" : "/")}killed";
        string profile = Profile(area, "\"stallSeconds\": 100 }, \"panda\": { \"heartbeatSeconds\": 1");
        using StartedRun run = area.Start(null, "run", "--site", profile, "--pull-job", "--server", server.Address.ToString(), "--queue", "TEST_QUEUE", "--stage-out", target);
        await run.UntilAsync(() => wire.HasFailed, ct);
        server.State.Command("tobekilled");
        Outcome outcome = await run.EndAsync(ct);
        RecordedUpdate last = server.State.Updates[^1];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(143), outcome.ToString());
            Assert.That(outcome.Stderr, Does.EndWith("[step=tobekilled pilot=1144]\n"));
            Assert.That((last.Status, (int?)last.Arguments["pilot_error_code"], last.Text("job_output_report")), Is.EqualTo(("failed", (int?)1144, (string?)null)));
            Assert.That(Directory.GetFiles(_servers.Store(dav ? "webdav" : "xrootd"), "*" + lfn + "*", SearchOption.AllDirectories), Is.Empty);
            Assert.That(new FileInfo(area.JobFile(lfn)).Length, Is.EqualTo(Size), "it is still in the work directory");
        }
    }

    [Test]
    public async Task A_storage_that_is_away_for_a_moment_gets_the_output_when_it_is_back(CancellationToken ct)
    {
        StorageServers own = _servers;
        (string http, _) = await own.StartAsync("webdav.sh", "away");
        await Tool.RunAsync(Testbed.Script("webdav.sh"), "stop", Path.Combine(own.Root, "away"));
        Area area = NewArea();
        await File.WriteAllBytesAsync(area.JobFile(Input), Content, ct);
        string lfn = "user.tester." + Guid.NewGuid().ToString("N");
        try
        {
            using StartedRun run = area.Start(null, "run", "--site", Profile(area, "\"tries\": 20, \"pauseSeconds\": 1"), "--stage-out", $"dav://127.0.0.1:{http}", "--job", Job(area, lfn));
            while (!File.Exists(area.JobFile("gridwrap.log")) || !await SaysAsync(area, "cannot be reached", ct))
            {
                await Task.Delay(200, ct);
            }

            await own.StartAsync("webdav.sh", "away");
            Outcome outcome = await run.EndAsync(ct);
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(await File.ReadAllBytesAsync(Path.Combine(own.Store("away"), lfn), ct), Is.EqualTo(Content));
        }
        finally
        {
            await Tool.RunAsync(Testbed.Script("webdav.sh"), "stop", Path.Combine(own.Root, "away"));
        }
    }

    [Test]
    public async Task An_input_that_differs_from_what_the_job_states_stops_the_job(CancellationToken ct)
    {
        Area area = NewArea();
        string directory = Path.Combine(_servers.Store("xrootd"), "wrong");
        Directory.CreateDirectory(directory);
        await File.WriteAllBytesAsync(Path.Combine(directory, Input), RandomNumberGenerator.GetBytes(Size), ct);
        Outcome outcome = await area.RunAsync(ct, "run", "--site", Profile(area), "--stage-in", _servers.Xrootd + "/wrong", "--job", Job(area, "user.tester.x"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(125), outcome.ToString());
            Assert.That(outcome.Stderr, Does.Contain("and the job says adler32").And.EndWith("[step=stage-in pilot=1171]\n"));
            Assert.That(Directory.GetFiles(area.JobDirectory, "*EVNT*"), Is.Empty);
        }
    }

    [Test]
    public async Task The_log_is_delivered_and_the_server_learns_the_addresses(CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        TestJob job = new() { Image = Testbed.ReadableTree, Exec = "echo {} >out.json" };
        server.AddJob(job.Json);
        string target = _servers.XrootdHttp + "/panda/{rucio}";
        Outcome outcome = await area.RunAsync(ct, "run", "--site", Profile(area), "--pull-job", "--server", server.Address.ToString(), "--queue", "TEST_QUEUE", "--stage-out", target);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        JObject report = JObject.Parse(server.State.Updates[^1].Text("job_output_report")!);
        string[] there = Directory.GetFiles(Path.Combine(_servers.Store("xrootd"), "panda"), "*", SearchOption.AllDirectories);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(there.Select(Path.GetFileName), Is.EquivalentTo(new[] { TestJob.Lfn, TestJob.LogLfn }));
            Assert.That((string?)report[TestJob.Lfn]!["surl"], Does.StartWith("http://127.0.0.1").And.EndWith(TestJob.Lfn));
            Assert.That((string?)report[TestJob.LogLfn]!["surl"], Does.EndWith(TestJob.LogLfn));
        }
    }

    [Test]
    public async Task A_job_names_its_storage_and_the_server_learns_which_one_has_the_file([Values] bool alternative, CancellationToken ct)
    {
        Area area = NewArea();
        await using LoopbackWorkloadManager server = LoopbackWorkloadManager.Start(new WorkloadOptions(), new Random());
        TestJob job = new() { Image = Testbed.ReadableTree, Exec = "echo {} >out.json" };
        string own = Guid.NewGuid().ToString("N");
        JObject document = job.Document;
        document["ddmEndPointOut"] = "CLOSED,OPEN";
        document["altStageOut"] = alternative ? "on" : "off";
        server.AddJob(document.ToString());
        string profile = Profile(area, $$"""
            "tries": 1, "stageOut": ["{{_servers.XrootdHttp}}/alternative-{{own}}"], "endpoints": { "CLOSED": "{{_servers.Dav}}/refused", "OPEN": "{{_servers.Xrootd}}/wanted-{{own}}", "OTHER": "{{_servers.XrootdHttp}}/alternative-{{own}}" }
            """);
        Outcome outcome = await area.RunAsync(ct, "run", "--site", profile, "--pull-job", "--server", server.Address.ToString(), "--queue", "TEST_QUEUE");
        JObject report = JObject.Parse(server.State.Updates[^1].Text("job_output_report")!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(alternative ? 0 : 73), outcome.ToString());
            Assert.That(((string?)report[TestJob.Lfn]?["endpoint"], (string?)report[TestJob.LogLfn]?["endpoint"]), Is.EqualTo((alternative ? "OTHER" : null, "OPEN")));
            Assert.That(File.Exists(Path.Combine(_servers.Store("xrootd"), "wanted-" + own, TestJob.LogLfn)), Is.True);
        }
    }

    [Test]
    public async Task A_dry_run_shows_where_files_would_travel([Values("run", "plan")] string command, CancellationToken ct)
    {
        Area area = NewArea();
        string job = Job(area, "user.tester.x");
        string[] words = [command, .. command == "run" ? (string[])["--dry-run"] : [], "--json", "--site", Profile(area), "--job", job, "--stage-in", "root://se.example//pool", "--stage-out", "davs://se.example/a", "--stage-out", "/spare"];
        Outcome outcome = await area.RunAsync(ct, words);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        JToken storage = JObject.Parse(outcome.Stdout)["storage"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(storage["inputs"]!.ToString(Newtonsoft.Json.Formatting.None), Is.EqualTo($$"""[{"lfn":"{{Input}}","from":["root://se.example//pool/{{Input}}"]}]"""));
            Assert.That(storage["outputs"]![0]!.ToString(Newtonsoft.Json.Formatting.None), Is.EqualTo("""{"lfn":"user.tester.x","to":["https://se.example/a/user.tester.x","/spare/user.tester.x"]}"""));
            Assert.That((string?)storage["outputs"]![1]!["lfn"], Is.EqualTo(TestJob.LogLfn));
            Assert.That(Directory.GetFileSystemEntries(area.JobDirectory), Is.Empty, "nothing is written");
        }
    }

    private static async Task<bool> SaysAsync(Area area, string words, CancellationToken ct) => (await File.ReadAllTextAsync(area.JobFile("gridwrap.log"), ct)).Contains(words, StringComparison.Ordinal);

    private static string Profile(Area area, string storage = "\"pauseSeconds\": 0.2, \"stallSeconds\": 30") =>
        area.Write("site.json", $$$"""{"name": "storages", "strategies": ["directory"], "launchers": ["rootless"], "storage": {{{{storage}}}}}""");

    /// <summary>A job that copies its input to its output.</summary>
    private static string Job(Area area, string lfn)
    {
        TestJob job = new() { Image = Testbed.ReadableTree, Exec = "cat %IN >out.dat", OutMap = $"{{'out.dat': '{lfn}'}}", OutFiles = $"{lfn},{TestJob.LogLfn}" };
        Adler32 sum = new();
        sum.Append(Content);
        JObject document = job.Document;
        document["jobPars"] = job.JobParameters + $" -i \"['{Input}']\" ";
        document["inFiles"] = Input;
        document["scopeIn"] = "mc16_13TeV";
        document["fsize"] = Size.ToString(CultureInfo.InvariantCulture);
        document["checksum"] = "ad:" + sum;
        return area.Write("job.json", document.ToString());
    }

    private void Show(Area area, string credentials)
    {
        if (credentials.Length == 0)
        {
            return;
        }

        area.Variables["X509_CERT_DIR"] = _servers.Trusted;
        if (credentials == "trust")
        {
            return;
        }

        string file = area.Write(credentials, File.ReadAllText(Path.Combine(_servers.Tls, credentials == "proxy" ? "proxy.pem" : "token")));
        area.Variables[credentials == "proxy" ? "X509_USER_PROXY" : "BEARER_TOKEN_FILE"] = file;
    }

    /// <summary>Where an address of the fixture leads to below the server's store.</summary>
    private static string Below(string target, string server)
    {
        string path = target[(target.IndexOf('/', target.IndexOf("://", StringComparison.Ordinal) + 3) is > 0 and int slash ? slash : target.Length)..].Trim('/');
        return path.EndsWith("{rucio}", StringComparison.Ordinal)
            ? path[..^"{rucio}".Length] + Path.GetDirectoryName(Sites.RucioPath.Of("mc16_13TeV", Input))
            : path;
    }
}
