namespace GridWrapper.SystemTests.EndToEnd.PilotHooks;

/// <summary>The hooks for HTCondor and Slurm with the real ones, each with 50 jobs on eight slots that share a cache.</summary>
[TestFixture, NonParallelizable, CancelAfter(600_000)]
internal sealed class BatchHookTests
{
    [OneTimeSetUp]
    public async Task TreeAsync() => await Tool.RunAsync(Testbed.Script("trixie.sh"));

    [Test]
    public async Task HTCondor()
    {
        string pool = Path.Combine(Testbed.Base, "condor");
        ImmutableDictionary<string, string> facts;
        await Tool.RunAsync(Testbed.Script("pool/condor.sh"), "start", pool, HookBed.Directory);
        try
        {
            (string image, string log) = await OwnRegistryAsync("condor-registry");
            facts = Facts(await Tool.RunAsync(Testbed.Script("pool/condor-jobs.sh"), pool, HookBed.Hooks, image, log));
        }
        finally
        {
            await Tool.RunAsync(Testbed.Script("pool/condor.sh"), "stop", pool);
            await Tool.RunAsync(Testbed.Script("registry.sh"), "stop", Path.Combine(Testbed.Base, "condor-registry"));
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(facts["advertised"], Does.StartWith("true rootless"));
            Assert.That(facts["outputs"], Is.EqualTo("50 50"));
            Assert.That(facts["downloads"], Is.EqualTo("5 5"), "four layers and the configuration, each given out once");
            Assert.That(facts["exit"], Is.EqualTo("7 139 127 125"));
            Assert.That(facts["plain"], Does.StartWith("13"));
            Assert.That(facts["removed"], Does.Match("^[0-9]+ 0$"));
            Assert.That(facts["left"], Is.EqualTo("0 0"));
            Assert.That(facts["memory"], Does.StartWith("5 ").And.Contains("memory"));
            Assert.That(facts["greedy"], Is.EqualTo("0"));
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

    private static ImmutableDictionary<string, string> Facts(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .ToImmutableDictionary(line => line.Split(' ')[0], line => line.Contains(' ', StringComparison.Ordinal) ? line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..].TrimEnd() : "");
}
