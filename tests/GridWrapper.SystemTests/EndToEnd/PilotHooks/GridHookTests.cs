namespace GridWrapper.SystemTests.EndToEnd.PilotHooks;

/// <summary>The hooks for glideinWMS, DIRAC and ARC, called as those call them.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class GridHookTests : EndToEndFixture
{
    /// <summary>A glidein's directory: its configuration, and its functions as a custom script finds them.</summary>
    private static void WriteGlidein(Area area)
    {
        area.Write("job/add_config_line.source", """
            add_config_line() { local name=$1; shift; sed -i "/^$name /d" "$glidein_config"; echo "$name $*" >>"$glidein_config"; }
            add_condor_vars_line() { echo "$*" >>"$condor_vars_file"; }
            """);
        area.Write("job/error_gen.sh", "#!/bin/bash\necho \"$*\" >>\"$(dirname \"$0\")/reports\"\n");
        area.Write("job/glidein_config", $"ADD_CONFIG_LINE_SOURCE {area.JobDirectory}/add_config_line.source\nCONDOR_VARS_FILE {area.JobDirectory}/condor_vars.lst\nERROR_GEN_PATH {area.JobDirectory}/error_gen.sh\n");
        area.Write("job/condor_vars.lst", "");
        Tool.Run("/bin/cp", Path.Combine(HookBed.Hooks, "glideinwms/gridwrap_setup.sh"), area.JobFile("gridwrap_setup.sh"));
        Tool.Run("/bin/chmod", "0755", area.JobFile("error_gen.sh"));
        Tool.Run("/bin/ln", "-s", Path.Combine(HookBed.Directory, "gridwrap"), area.JobFile("gridwrap"));
        area.Own(area.JobDirectory);
    }

    [Test]
    public async Task A_glidein_takes_gridwrap_for_its_Singularity(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        WriteGlidein(area);
        Outcome outcome = await area.RunAsync(ct, "-c", "./gridwrap_setup.sh \"$PWD/glidein_config\" main");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
        string[] config = area.ReadText("glidein_config").Split('\n');
        string binary = config.Single(l => l.StartsWith("GLIDEIN_SINGULARITY_BINARY_OVERRIDE ", StringComparison.Ordinal)).Split(' ')[1];

        // The glidein's own trial of the binary; the first line must look like a map of ids.
        Outcome trial = await area.RunAsync(
            ct, "-c", $"'{binary}' --version; '{binary}' exec --home \"$PWD\":/srv --pwd /srv --ipc --contain --pid --bind /etc/hosts,/etc/localtime {Testbed.ReadableTree} cat /proc/self/uid_map");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(config, Does.Contain("HAS_GRIDWRAP True"));
            Assert.That(config, Has.Some.StartsWith("GridWrapLaunchers rootless"));
            Assert.That(area.ReadText("condor_vars.lst").Split('\n'), Does.Contain("HAS_GRIDWRAP C - + Y Y +").And.Contain("GridWrapStrategies S - + Y Y +"));
            Assert.That(area.ReadText("reports"), Does.StartWith("-ok gridwrap_setup.sh"));
            Assert.That(trial.ExitCode, Is.Zero, trial.ToString());
            Assert.That(trial.Stderr, Does.Not.Contain("FATAL"));
            Assert.That(trial.Stdout.Split('\n')[0], Does.StartWith("singularity version 3."));
            Assert.That(string.Join(',', trial.Stdout.Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)), Does.Match("^,?[0-9]+,[0-9]+,"));
        }
    }

    [Test]
    public async Task A_glidein_on_which_gridwrap_does_not_start_is_told_so(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        WriteGlidein(area);
        Outcome outcome = await area.RunAsync(ct, "-c", "GRIDWRAP=/bin/false ./gridwrap_setup.sh \"$PWD/glidein_config\" main");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(1), outcome.ToString());
            Assert.That(area.ReadText("reports"), Does.StartWith("-error gridwrap_setup.sh WN_Resource"));
            Assert.That(area.ReadText("glidein_config"), Does.Not.Contain("OVERRIDE"));
        }
    }

    /// <summary>SingularityComputingElement's line with the lines of gridwrap-ce.cfg; the result is read from a file in what is /tmp inside.</summary>
    [TestCase("--bind '' ")]
    [TestCase("--userns --bind /etc/hosts ")]
    public async Task DIRACs_line_works_with_the_configured_program(string binds, CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        string[] config = await File.ReadAllLinesAsync(Path.Combine(HookBed.Hooks, "dirac/gridwrap-ce.cfg"), ct);
        string bin = Value(config, "ContainerBin").Replace("/opt/gridwrap/pilot-hooks", HookBed.Hooks, StringComparison.Ordinal);
        string options = Value(config, "ContainerOptions").Replace(',', ' ');
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            "mkdir -p work/tmp dirac; echo lib > dirac/lib; printf 'pwd; cat \"%s/dirac/lib\"; echo \"$HOME\"; echo 3 >/tmp/retcode; exit 3\\n' \"$PWD\" > work/tmp/dirac_container.sh; chmod +x work/tmp/dirac_container.sh; "
            + $"{bin} exec --contain --ipc --workdir \"$PWD/work\" --home /tmp {binds}--bind \"$PWD/dirac:$PWD/dirac:ro\" {options} {Testbed.ReadableTree} /tmp/dirac_container.sh");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.ToString());
            Assert.That(outcome.Stdout, Is.EqualTo("/tmp\nlib\n/tmp\n"));
            Assert.That(area.ReadText("work/tmp/retcode"), Is.EqualTo("3\n"));
        }
    }

    private static string Value(string[] config, string name) => config.Single(l => l.StartsWith(name + " = ", StringComparison.Ordinal))[(name.Length + 3)..];

    [TestCase("0", "none")]
    [TestCase("1", "gridwrap")]
    [TestCase("2", "none")]
    public async Task ARCs_script_sets_the_node_up_at_stage_1_only(string stage, string expected, CancellationToken ct)
    {
        Area area = Register(HookBed.Shell("/bin/sh"));
        area.Variables.Remove("GRIDWRAP_HOOKS");
        area.Variables["GRIDWRAP_DIR"] = HookBed.Directory;
        string rte = Path.Combine(HookBed.Hooks, "arc/GRIDWRAP");

        // ARC sources the script with the stage as its argument; dash takes it from the positional parameters.
        Outcome outcome = await area.RunAsync(
            ct, "-c", $"unset GRIDWRAP_CACHE; set -- {stage}; . {rte}; echo \"${{GRIDWRAP-none}} ${{GRIDWRAP_CACHE-none}}\"; apptainer --version 2>/dev/null || echo none");
        string[] lines = outcome.Stdout.Split('\n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[1], Does.Contain(expected), outcome.ToString());
            Assert.That(lines[0], stage == "1" ? Is.EqualTo($"{HookBed.Directory}/gridwrap /var/tmp/gridwrap-{area.Uid}") : Is.EqualTo("none none"));
        }
    }

    private static string[] Scripts() => [.. Directory.GetFiles(GridWrapper.Tests.Documentation.Repository.PathOf("pilot-hooks"), "*", SearchOption.AllDirectories)
        .Where(f => !f.Contains("/bin/", StringComparison.Ordinal) && File.ReadLines(f).FirstOrDefault() is { } first && (first.StartsWith("#!/bin/", StringComparison.Ordinal) || first.StartsWith("# shellcheck", StringComparison.Ordinal)))];

    [TestCaseSource(nameof(Scripts))]
    public async Task A_script_is_short_and_understood_by_its_shell(string script)
    {
        string[] lines = await File.ReadAllLinesAsync(script);
        await Tool.RunAsync(lines[0] == "#!/bin/bash" ? "/bin/bash" : "/bin/dash", "-n", script);
        Assert.That(lines, Has.Length.LessThan(40));
    }
}
