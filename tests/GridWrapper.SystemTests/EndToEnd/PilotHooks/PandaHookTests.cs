namespace GridWrapper.SystemTests.EndToEnd.PilotHooks;

/// <summary>The command lines that PanDA's pilot writes, executed against the hooks: right image, mounts, environment, scripts and exit status.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class PandaHookTests : EndToEndFixture
{
    private const string Enter = ". \"$GRIDWRAP_HOOKS/env.sh\"; . \"$GRIDWRAP_HOOKS/env.sh\"; ";

    /// <summary>As pilot 3 writes it, up to the options.</summary>
    private static string Alrb(string image, string options) =>
        "export X509_USER_PROXY=/tmp/x509up;if [ -z \"$ATLAS_LOCAL_ROOT_BASE\" ]; then export ATLAS_LOCAL_ROOT_BASE=/cvmfs/atlas.cern.ch/repo/ATLASLocalRootBase; fi;"
        + $"export thePlatform=\"{image}\";export PandaID=4012345678;source ${{ATLAS_LOCAL_ROOT_BASE}}/user/atlasLocalSetup.sh -c $thePlatform -d -s /srv/my_release_setup.sh -r /srv/container_script.sh -e \"{options}\"";

    private Area Job(string script)
    {
        Area area = Register(HookBed.Shell());
        area.Write("job/my_release_setup.sh", "echo \"setup $# $PWD\"; export FROM_SETUP=yes; set -- clobbered; return\n");
        area.Write("job/container_script.sh", $"export TMPDIR=/srv;export GFORTRAN_TMPDIR=/srv;export PandaID=4012345678; {script}\n");
        area.Own(area.JobDirectory);
        area.Variables["PANDA_RESOURCE"] = "SITE";
        area.Variables["PANDA_AUTH_TOKEN"] = "secret";
        area.Variables["OIDC_AUTH_TOKEN"] = "secret";
        return area;
    }

    [TestCase("-c -i", "")]
    [TestCase("-c -i", " --nocvmfs --nohome")]
    [TestCase("-B /usr/share --nv", "")]
    public async Task ALRBs_line_runs_the_payload_in_the_image(string options, string arguments, CancellationToken ct)
    {
        Area area = Job("echo \"$TESTBED_IMAGE $FROM_SETUP $PWD $HOME $TMPDIR $PANDA_RESOURCE [$PANDA_AUTH_TOKEN$OIDC_AUTH_TOKEN$X509_USER_PROXY]\"; echo data > out.txt; grep -c 'PandaID=4012345678' /proc/1/cmdline /proc/$$/cmdline; exit 7");
        Outcome outcome = await area.RunAsync(ct, "-c", Enter + Alrb($"docker://{Testbed.Repository}:gzip", options) + arguments);
        string[] lines = outcome.Stdout.Split('\n');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(7), outcome.ToString());
            Assert.That(lines[0], Is.EqualTo("setup 0 /srv"));
            Assert.That(lines[1], Is.EqualTo("busybox yes /srv /srv /srv SITE []"));
            Assert.That(outcome.Stdout, Does.Match("cmdline:[1-9]"), "the PandaID is where monitors look for it");
            Assert.That(area.ReadText("out.txt"), Is.EqualTo("data\n"));
        }
    }

    [TestCase("kill -TERM $$", 143)]
    [TestCase("/no/such/program", 127)]
    [TestCase("true", 0)]
    public async Task ALRBs_line_has_the_payloads_end(string script, int code, CancellationToken ct) =>
        Assert.That((await Job(script).RunAsync(ct, "-c", Enter + Alrb(Testbed.ReadableTree, "-c -i"))).ExitCode, Is.EqualTo(code));

    [Test]
    public async Task A_container_that_cannot_be_had_fails_with_the_reason(CancellationToken ct)
    {
        Outcome outcome = await Job("true").RunAsync(ct, "-c", Enter + Alrb($"docker://{Testbed.Repository}:none", "-c -i"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(125).Or.EqualTo(75), outcome.ToString());
            Assert.That(outcome.Stderr, Does.Contain("FATAL:"));
            Assert.That(outcome.Stderr.TrimEnd().Split('\n')[^1], Does.StartWith("gridwrap: "));
        }
    }

    [TestCase("asetup Athena,23.0.1")]
    [TestCase("-c el9 -r x")]
    [TestCase("-c centos7")]
    [TestCase("")]
    public async Task Other_lines_go_to_the_real_ALRB(string line, CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        area.Write("alrb/user/atlasLocalSetup.sh", "echo \"real $ATLAS_LOCAL_ROOT_BASE: $*\"; (exit 5)\n");
        area.Own(area.JobDirectory);
        area.Variables["ATLAS_LOCAL_ROOT_BASE"] = Path.Combine(area.Root, "alrb");
        Outcome outcome = await area.RunAsync(ct, "-c", $"{Enter}source ${{ATLAS_LOCAL_ROOT_BASE}}/user/atlasLocalSetup.sh {line}");
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((5, $"real {area.Root}/alrb: {line}\n")), outcome.ToString());
    }

    /// <summary>The pilot takes the transform from $HARVESTER_WORKDIR and runs it in the job directory.</summary>
    [Test]
    public async Task The_transform_of_that_name_is_gridwrap(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        area.Variables["GRIDWRAP"] = Path.Combine(HookBed.Directory, "gridwrap");
        string parameters = new TestJob { Exec = "payload out.json; pwd" }.JobParameters;
        Outcome outcome = await area.RunAsync(ct, "-c", $"cp {HookBed.Hooks}/panda/trf/runcontainer . && ./runcontainer {parameters}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.ToString());
            Assert.That(outcome.Stdout, Is.EqualTo($"{TestJob.Content}/ctrdata\n"));
            Assert.That(area.ReadText(TestJob.Lfn), Is.EqualTo(TestJob.Content));
        }
    }

    [Test]
    public async Task A_link_of_the_transforms_name_is_the_transform(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        Outcome outcome = await area.RunAsync(ct, "-c", $"ln -s {HookBed.Directory}/gridwrap runcontainer && ./runcontainer {new TestJob().JobParameters}; code=$?; rm runcontainer; exit $code");
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((0, TestJob.Content)), outcome.ToString());
    }

    /// <summary>What the transform itself calls: build a sandbox, then exec with everything contained.</summary>
    [Test]
    public async Task The_real_transforms_own_lines_work_through_the_link(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        area.Write("job/_runcontainer.sh", "pwd; echo \"$X509_USER_PROXY $ATHENA_CORE_NUMBER [$PANDA_RESOURCE]\"; ls -d /data/kept; exit 4\n");
        area.Own(area.JobDirectory);
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            Enter + "chmod +x _runcontainer.sh; export PANDA_RESOURCE=x SINGULARITY_TMPDIR=$PWD SINGULARITY_DISABLE_CACHE=true; singularity --version; "
            + $"singularity -s build --fix-perms --sandbox image docker://{Testbed.Repository}:gzip && "
            + "SINGULARITYENV_X509_USER_PROXY=/ctrdata/user_proxy SINGULARITYENV_ATHENA_CORE_NUMBER=8 singularity exec -C --pwd /ctrdata -B $PWD:/ctrdata image /ctrdata/_runcontainer.sh");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(4), outcome.ToString());
            Assert.That(outcome.Stdout, Does.Match("^singularity version 3\\.[0-9]+\\.[0-9]+-gridwrap[^\n]*\n/ctrdata\n/ctrdata/user_proxy 8 \\[\\]\n/data/kept\n$"));
        }
    }

    /// <summary>The pilot's line of raw mode, with its own quotes.</summary>
    [Test]
    public async Task Raw_modes_line_works_through_the_link(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        area.Write("cvmfs/shown", "");
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "cvmfs");
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            $"{Enter}export workdir=$PWD; apptainer --verbose exec -c -i -B /cvmfs,${{workdir}},/home {Testbed.ReadableTree} /bin/sh -c 'cd $workdir;pwd;export PandaID=4012345678;ls /cvmfs; echo done > out; exit 9'");
        Assert.That((outcome.ExitCode, outcome.Stdout, area.ReadText("out")), Is.EqualTo((9, $"{area.JobDirectory}\nshown\n", "done\n")), outcome.ToString());
        Directory.Delete(Path.Combine(area.Root, "cvmfs"), recursive: true);
    }

    [Test]
    public async Task The_pilots_configuration_is_made_from_its_own(CancellationToken ct)
    {
        Area area = Register(HookBed.Shell());
        string given = area.Write("default.cfg", "[Pilot]\nx: 1\n\n[Container]\n# Container setup\nsetup_type: ALRB\nother: y\n");
        Outcome outcome = await area.RunAsync(ct, "-c", $"{HookBed.Hooks}/panda/pilot-raw.sh {given}");
        Assert.That(outcome.Stdout, Is.EqualTo("[Pilot]\nx: 1\n\n[Container]\n# Container setup\nsetup_type: raw\nother: y\n"), outcome.ToString());
        File.Delete(given);
    }
}
