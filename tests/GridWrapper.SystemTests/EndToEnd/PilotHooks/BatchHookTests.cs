namespace GridWrapper.SystemTests.EndToEnd.PilotHooks;

/// <summary>The hooks for HTCondor and Slurm with the real ones: many jobs on eight slots that share a cache.</summary>
[TestFixture, NonParallelizable, CancelAfter(600_000)]
internal sealed class BatchHookTests
{
    /// <summary>What 200 jobs come to, two of each way to fail; see condor-cluster.sh.</summary>
    private static readonly string[] s_endsOf200 =
    [
        "good 180 exit 0 starts 1 -",
        "code 2 exit 7 starts 1 -",
        "signal 2 exit 139 starts 1 -",
        "command 2 exit 127 starts 1 image exec pilot=1305",
        "tag 2 exit 125 starts 1 user fetch-manifest pilot=1360",
        "denied 2 exit 125 starts 1 user image-policy pilot=1384",
        "platform 2 exit 125 starts 1 image read-manifest pilot=1360",
        "corrupt 2 exit 125 starts 1 registry verify-digest pilot=1309",
        "cache 2 exit 75 starts 2 site prepare-cache pilot=1199",

        // HTCondor's own: a file to send back is not there, and the time allowed is over.
        "output 2 held 12 -",
        "duration 2 held 46 -",
        "outputs 180",
        "partial 16",
        "downloads 4 4",
        "left 0 0 0",
    ];

    [OneTimeSetUp]
    public async Task TreeAsync() => await Tool.RunAsync(Testbed.Script("trixie.sh"));

    [Test]
    public async Task HTCondor()
    {
        string pool = Path.Combine(Testbed.Base, "condor");
        ImmutableDictionary<string, string> single;
        string[] cluster;
        await Tool.RunAsync(Testbed.Script("pool/condor.sh"), "start", pool, HookBed.Directory);
        try
        {
            (string image, string log) = await OwnRegistryAsync("condor-registry");
            cluster = Lines(await Tool.RunAsync(Testbed.Script("pool/condor-cluster.sh"), pool, HookBed.Hooks, image, Path.GetDirectoryName(log)!));
            single = Facts(await Tool.RunAsync(Testbed.Script("pool/condor-jobs.sh"), pool, HookBed.Hooks, image));
        }
        finally
        {
            await Tool.RunAsync(Testbed.Script("pool/condor.sh"), "stop", pool);
            await Tool.RunAsync(Testbed.Script("registry.sh"), "stop", Path.Combine(Testbed.Base, "condor-registry"));
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(cluster, Is.EquivalentTo(s_endsOf200));
            Assert.That(single["advertised"], Does.StartWith("true rootless"));
            Assert.That(single["plain"], Does.StartWith("13"));
            Assert.That(single["removed"], Is.EqualTo("0"), "processes of removed jobs ten seconds later");
            Assert.That(single["left"], Is.EqualTo("0 0"));
            Assert.That(single["memory"], Does.StartWith("5 ").And.Contain("memory"));
            Assert.That(single["greedy"], Is.EqualTo("0"));
        }
    }

    [Test]
    public async Task Slurm()
    {
        string pool = Path.Combine(Testbed.Base, "slurm");
        ImmutableDictionary<string, string> facts;
        await Tool.RunAsync(Testbed.Script("pool/slurm.sh"), "start", pool);
        try
        {
            (string image, string log) = await OwnRegistryAsync("slurm-registry");
            facts = Facts(await Tool.RunAsync(Testbed.Script("pool/slurm-jobs.sh"), pool, HookBed.Hooks, Path.Combine(HookBed.Directory, "gridwrap"), image, log));
        }
        finally
        {
            await Tool.RunAsync(Testbed.Script("pool/slurm.sh"), "stop", pool);
            await Tool.RunAsync(Testbed.Script("registry.sh"), "stop", Path.Combine(Testbed.Base, "slurm-registry"));
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(facts["outputs"], Is.EqualTo("50 50"));
            Assert.That(facts["downloads"], Is.EqualTo("5 5"), "four layers and the configuration, each given out once");
            Assert.That(facts["exit"], Is.EqualTo("7:0"));
            Assert.That(facts["cancelled"], Does.Match("^[0-9]+ 0$"));
            Assert.That(facts["timelimit"], Does.Match("^FAILED 9:0 began .*told"));
            Assert.That(facts["timeout"], Does.Match("^TIMEOUT [0-9:]+ began$"));
            Assert.That(facts["left"], Is.EqualTo("0 0"));
        }
    }

    /// <summary>A registry that nobody else asks, so that its log can be counted.</summary>
    private static async Task<(string Image, string Log)> OwnRegistryAsync(string name)
    {
        string directory = Path.Combine(Testbed.Base, name);
        string address = (await Tool.RunAsync(Testbed.Script("registry.sh"), "start", directory, "0")).Trim();
        await Tool.RunAsync(Testbed.Script("image.sh"), Testbed.Image, "--push", $"{address}/testbed/image", "--owner", "12345");
        return ($"docker://{address}/testbed/image:gzip", Path.Combine(directory, "access.log"));
    }

    private static string[] Lines(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static ImmutableDictionary<string, string> Facts(string output) => Lines(output)
        .ToImmutableDictionary(line => line.Split(' ')[0], line => line.Contains(' ', StringComparison.Ordinal) ? line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..].TrimEnd() : "");
}
