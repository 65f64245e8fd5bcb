using GridWrapper.Diagnostics;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Sites;

[Parallelizable(ParallelScope.All)]
public sealed class SiteProfileReaderTest
{
    [Test]
    public void A_name_is_enough()
    {
        SiteProfile profile = SiteProfileReader.Read("""{ "name": "x" }""", "x.json");
        Assert.That(SiteProfileWriter.Write(profile), Is.EqualTo(SiteProfileWriter.Write(new SiteProfile { Name = "x" })));
    }

    [Test]
    public void Comments_and_trailing_commas_are_allowed()
    {
        SiteProfile profile = SiteProfileReader.Read(
            """
            // before
            {
              "name": "n", /* between */
              "strategies": ["registry", "local",],
              "cvmfs": { "stepSeconds": 2, },
            }
            // after
            """,
            "x.json");
        Assert.That(profile.Strategies, Is.EqualTo(new[] { "registry", "local" }));
        Assert.That(profile.Cvmfs.StepSeconds, Is.EqualTo(2));
    }

    [Test]
    public void Everything_that_is_written_is_read_back()
    {
        SiteProfile profile = new()
        {
            Name = "full",
            Description = "a \"quoted\" text",
            Cvmfs = new() { Root = "/mnt/cvmfs", ImageRepositories = ["a.b", "c.d/images"], Repositories = ["e.f"], FirstTouchSeconds = 1, StepSeconds = 2, StaleImages = "accept", UnverifiedImages = "refuse", Copies = "accept", BindIntoPayload = false },
            Strategies = ["lazy", "packed"],
            Launchers = ["apptainer"],
            Cache = new() { Directory = "${A:-/b}/c" },
            Registries = new() { PlainHttp = ["h:5000"], ConfigFile = "/c.json", StallSeconds = 7.5 },
            Apptainer = new() { Programs = ["/a"], CvmfsPrograms = ["r/a"], Options = ["-B", "/x", "-B", "/y"] },
            Binds = [new BindRule("/s", "/t", false, false), new BindRule("${H}/u")],
            Environment = new() { Pass = ["A", "B_*"], Set = ImmutableSortedDictionary<string, string>.Empty.Add("K", "v").Add("E", ""), GiveProxy = true },
            GraceSeconds = 1,
            MaxWallSeconds = 3600,
            Gpu = "off",
            Panda = new() { Server = "https://h:25443", Queue = "Q", HeartbeatSeconds = 60, FinalUpdateSeconds = 0 },
            Limits = new()
            {
                FromJob = "always",
                MemoryFactor = 1.5,
                MemoryBytes = 1 << 30,
                CpuSeconds = 100,
                Cores = 1.5,
                Processes = 500,
                DiskBytes = 1 << 29,
                OutputFileBytes = 1 << 28,
                StdoutBytes = 1 << 27,
                LoopingSeconds = 600,
                Cgroup = "move",
                SampleSeconds = 5,
                DirectorySeconds = 10,
            },
        };
        string text = SiteProfileWriter.Write(profile);
        Assert.That(SiteProfileWriter.Write(SiteProfileReader.Read(text, "t")), Is.EqualTo(text));
    }

    [TestCase("""{ "name": "x", "stratgies": [] }""", "1:16: stratgies: unknown key (did you mean \"strategies\"?)")]
    [TestCase("""{ "name": "x", "cvmfs": { "roots": "/cvmfs" } }""", "1:27: cvmfs.roots: unknown key (did you mean \"root\"?)")]
    [TestCase("""{ "name": "x", "zzzzzz": 1 }""", "1:16: zzzzzz: unknown key")]
    [TestCase("""{ }""", "1:1: name: missing: a text is required")]
    [TestCase("""{ "name": 7 }""", "1:11: name: expected a text, found the number 7")]
    [TestCase("""{ "name": "a b" }""", "1:11: name: \"a b\" is not a profile name: up to 64 letters, digits, '-', '_', '.', starting with a letter or digit")]
    [TestCase("""{ "name": "x", "gpu": "maybe" }""", "1:23: gpu: \"maybe\" is not one of auto, on, off")]
    [TestCase("""{ "name": "x", "strategies": ["registri"] }""", "1:31: strategies[0]: \"registri\" is not one of cvmfs-flat, cvmfs-layers, registry, local, directory, sif, packed, lazy (did you mean \"registry\"?)")]
    [TestCase("""{ "name": "x", "strategies": ["local", "local"] }""", "1:30: strategies: \"local\" is listed twice")]
    [TestCase("""{ "name": "x", "launchers": [] }""", "1:29: launchers: expected at least one entry, found none")]
    [TestCase("""{ "name": "x", "launchers": "rootless" }""", "1:29: launchers: expected a list of texts, found the text \"rootless\"")]
    [TestCase("""{ "name": "x", "cvmfs": null }""", "1:25: cvmfs: expected an object, found null")]
    [TestCase("""{ "name": "x", "cvmfs": { "root": "cvmfs" } }""", "1:35: cvmfs.root: \"cvmfs\" is a relative path: an absolute one is required")]
    [TestCase("""{ "name": "x", "cvmfs": { "stepSeconds": -1 } }""", "1:42: cvmfs.stepSeconds: expected a number from 0.1 to 3600, found the number -1")]
    [TestCase("""{ "name": "x", "cvmfs": { "stepSeconds": "5" } }""", "1:42: cvmfs.stepSeconds: expected a number from 0.1 to 3600, found the text \"5\"")]
    [TestCase("""{ "name": "x", "cvmfs": { "bindIntoPayload": "yes" } }""", "1:46: cvmfs.bindIntoPayload: expected true or false, found the text \"yes\"")]
    [TestCase("""{ "name": "x", "cvmfs": { "repositories": ["a/b"] } }""", "1:44: cvmfs.repositories[0]: \"a/b\" is not a CVMFS repository name such as atlas.cern.ch")]
    [TestCase("""{ "name": "x", "cvmfs": { "imageRepositories": ["a.b/../c"] } }""", "1:49: cvmfs.imageRepositories[0]: \"a.b/../c\" holds \"..\", which is not allowed")]
    [TestCase("""{ "name": "x", "cache": { "directory": "scratch" } }""", "1:40: cache.directory: \"scratch\" is a relative path: an absolute one, or one beginning with ${VAR}, is required")]
    [TestCase("""{ "name": "x", "cache": { "directory": "${TMP" } }""", "1:40: cache.directory: \"${TMP\" has a \"${\" without its \"}\"")]
    [TestCase("""{ "name": "x", "cache": { "directory": "/${1A}" } }""", "1:40: cache.directory: \"${1A}\" in \"/${1A}\" does not name an environment variable")]
    [TestCase("""{ "name": "x", "registries": { "plainHttp": ["http://h"] } }""", "1:46: registries.plainHttp[0]: \"http://h\" is not host or host:port (no scheme, no path)")]
    [TestCase("""{ "name": "x", "apptainer": { "cvmfsPrograms": ["/cvmfs/a"] } }""", "1:49: apptainer.cvmfsPrograms[0]: \"/cvmfs/a\" is not a path below the CVMFS root: it must not be empty or begin with '/'")]
    [TestCase("""{ "name": "x", "binds": [{ "target": "/t" }] }""", "1:26: binds[0].source: missing: a text is required")]
    [TestCase("""{ "name": "x", "binds": ["/a"] }""", "1:26: binds[0]: expected an object, found the text \"/a\"")]
    [TestCase("""{ "name": "x", "binds": {} }""", "1:25: binds: expected a list of objects, found an object")]
    [TestCase("""{ "name": "x", "environment": { "set": { "A B": "1" } } }""", "1:42: environment.set.A B: \"A B\" is not the name of an environment variable")]
    [TestCase("""{ "name": "x", "environment": { "set": { "A": 1 } } }""", "1:47: environment.set.A: expected a text, found the number 1")]
    [TestCase("""{ "name": "x", "environment": { "pass": ["A*B"] } }""", "1:42: environment.pass[0]: \"A*B\" is neither the name of an environment variable nor a prefix with one '*' at its end")]
    [TestCase("""{ "name": "x", "panda": { "server": "pandaserver" } }""", "1:37: panda.server: \"pandaserver\" is not a server address such as https://pandaserver.cern.ch:25443 (no path, no credentials)")]
    [TestCase("""{ "name": "x", "storage": { "endpoints": { "A": "ftp://x/y" } } }""", "1:49: storage.endpoints.A: \"ftp\" is no protocol that files can be moved by: a directory, https, davs, http, dav, root, roots or harvester is expected")]
    [TestCase("""{ "name": "x", "storage": { "endpoints": { "A B": "/x" } } }""", "1:44: storage.endpoints.A B: \"A B\" is no name of an endpoint such as CERN-PROD_SCRATCHDISK")]
    [TestCase("""{ "name": "x", "limits": { "memory": 1 } }""", "1:28: limits.memory: unknown key")]
    [TestCase("""{ "name": "x", "limits": { "memoryBytes": 1024 } }""", "1:43: limits.memoryBytes: expected a number from 1048576 to 1000000000000000, found the number 1024")]
    [TestCase("""{ "name": "x", "limits": { "processes": "many" } }""", "1:41: limits.processes: expected a number from 1 to 4194304, found the text \"many\"")]
    [TestCase("""{ "name": "x", "limits": { "cgroup": "on" } }""", "1:38: limits.cgroup: \"on\" is not one of auto, move, off")]
    [TestCase("""{ "name": "x", "limits": { "fromJob": "sometimes" } }""", "1:39: limits.fromJob: \"sometimes\" is not one of standalone, always, never")]
    [TestCase("""{ "name": "x", "maxWallSeconds": 0 }""", "1:34: maxWallSeconds: expected a number from 1 to 31536000, found the number 0")]
    [TestCase("""{ "name": "x", "cacheRoots": "/shared" }""", "1:30: cacheRoots: expected a list of texts, found the text \"/shared\"")]
    [TestCase("""{ "name": "x", "cacheRoots": ["shared"] }""", "1:31: cacheRoots[0]: \"shared\" is a relative path: an absolute one, or one beginning with ${VAR}, is required")]
    [TestCase("""{ "name": "x", "cacheRoots": ["/a", "/a"] }""", "1:30: cacheRoots: \"/a\" is listed twice")]
    [TestCase("""{ "name": "x", "cacheRoots": ["/cvmfs/x"] }""", "1:31: cacheRoots[0]: \"/cvmfs/x\" lies on CVMFS, where no cache root can be: its image repositories are named under cvmfs.imageRepositories")]
    [TestCase("""[]""", "1:1: expected one JSON object, { \"name\": … }")]
    public void A_fault_is_named_with_its_place(string text, string fault)
    {
        (SiteProfile? profile, ImmutableArray<ProfileFault> faults) = SiteProfileReader.Check(text);
        Assert.That(profile, Is.Null);
        Assert.That(faults.Select(f => f.ToString()), Is.EqualTo(new[] { fault }));
    }

    [TestCase("", "it is empty")]
    [TestCase("{ \"name\": \"x\" ", "not valid JSON")]
    [TestCase("{ \"name\": \"x\" } { }", "not valid JSON: Additional text encountered after finished reading JSON content: {")]
    [TestCase("{ \"name\": \"x\", \"name\": \"y\" }", "not valid JSON: Property with the name 'name' already exists")]
    [TestCase("{ \"name\": \"x\", \"gpu\": \"\\u0000\" }", "a NUL character is not allowed")]
    public void What_is_no_profile_at_all_is_refused(string text, string part)
    {
        (SiteProfile? profile, ImmutableArray<ProfileFault> faults) = SiteProfileReader.Check(text);
        Assert.That(profile, Is.Null);
        Assert.That(faults, Has.Length.EqualTo(1));
        Assert.That(faults[0].Message, Does.Contain(part));
    }

    [Test]
    public void All_faults_come_together_in_the_order_of_the_document()
    {
        const string text = """
            {
              "name": "x",
              "gpu": "perhaps",
              "cvmfs": {
                "stale": "accept",
                "stepSeconds": 0
              },
              "launchers": ["docker"]
            }
            """;
        GridWrapperException thrown = Assert.Throws<GridWrapperException>(() => SiteProfileReader.Read(text, "./mine.json"));
        Assert.That(thrown.Failure.ExitCode, Is.EqualTo(64));
        Assert.That(thrown.Failure.Blame, Is.EqualTo(Blame.Site));
        string[] lines = thrown.Message.Split('\n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[0], Is.EqualTo("site profile ./mine.json has 4 faults:"));
            Assert.That(lines[1], Does.StartWith("  ./mine.json:3:10: gpu: "));
            Assert.That(lines[2], Does.StartWith("  ./mine.json:5:5: cvmfs.stale: unknown key"));
            Assert.That(lines[3], Does.StartWith("  ./mine.json:6:20: cvmfs.stepSeconds: "));
            Assert.That(lines[4], Does.StartWith("  ./mine.json:8:17: launchers[0]: "));
        }
    }
}
