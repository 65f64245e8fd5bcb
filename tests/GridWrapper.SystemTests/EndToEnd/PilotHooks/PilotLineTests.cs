namespace GridWrapper.SystemTests.EndToEnd.PilotHooks;

/// <summary>The lines that pilots write, each in every form in which it is known, against the hooks: image, mounts, environment, scripts and exit status.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(300_000)]
internal sealed class PilotLineTests : EndToEndFixture
{
    private const string Enter = ". \"$GRIDWRAP_HOOKS/env.sh\"; ";

    private static string Image => $"docker://{Testbed.Repository}:gzip";

    /// <summary>The transform's exec, with the options that it adds when there is a CVMFS, a directory of authorities, and options of the queue.</summary>
    [TestCase("", "/ctrdata", "")]
    [TestCase("--debug ", "/ctrdata", " -B /cvmfs:/cvmfs -B $X509_CERT_DIR:/var/etc/grid-security/certificates")]
    [TestCase("", "/work", " -B /cvmfs:/cvmfs -B /usr/share:/usr/share --nv")]
    [TestCase("-s ", "/data", "")]
    public async Task Runcontainer(string global, string place, string options, CancellationToken ct)
    {
        Area area = WithCvmfs();
        area.Write("certificates/ca.pem", "authority\n");
        area.Write("job/_runcontainer.sh", "pwd; cat /var/etc/grid-security/certificates/ca.pem 2>/dev/null; ls /cvmfs 2>/dev/null; echo \"$X509_CERT_DIR $ATHENA_CORE_NUMBER\"; echo made > made; exit 4\n");
        area.Own(area.JobDirectory);
        area.Variables["X509_CERT_DIR"] = Path.Combine(area.Root, "certificates");
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            Enter + $"chmod +x _runcontainer.sh; export SINGULARITY_TMPDIR=$PWD SINGULARITY_DISABLE_CACHE=true; singularity -s build --fix-perms --sandbox $PWD/docker_image/image {Image} && "
            + $"SINGULARITYENV_X509_CERT_DIR=/var/etc/grid-security/certificates SINGULARITYENV_ATHENA_CORE_NUMBER=8 singularity {global}exec -C --pwd {place} -B $PWD:{place}{options} $PWD/docker_image/image {place}/_runcontainer.sh");
        string expected = place + "\n" + (options.Contains("X509", StringComparison.Ordinal) ? "authority\n" : "")
            + (options.Contains("/cvmfs", StringComparison.Ordinal) ? "shown\n" : "") + "/var/etc/grid-security/certificates 8\n";
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((4, expected)), outcome.ToString());
            Assert.That(area.ReadText("made"), Is.EqualTo("made\n"));
        }
    }

    /// <summary>By the plug-ins atlas and generic, with and without CVMFS, with the options of a queue, with arguments of a job, with a login before it.</summary>
    [TestCase("", "", " -e \"-c -i\"")]
    [TestCase("", " -d", " -e \"-c -i\"")]
    [TestCase("--shell bash ", " -d", " -e \"-c -i\"")]
    [TestCase("", " -d", " -e \"-C\"")]
    [TestCase("", " -d", " -e \"-B /usr/share --nv -c -i -p\"")]
    [TestCase("", " -d", " -e \"-c -i\" --nocvmfs --nohome")]
    public async Task ALRB(string shell, string noCvmfs, string options, CancellationToken ct)
    {
        Area area = WithCvmfs();
        area.Write("job/my_release_setup.sh", "echo \"INFO: sourcing\"\nretCode=$?\ndate +\"%H:%M:%S %Y/%m/%d\" >/dev/null\nif [ $? -ne 0 ]; then\n    retCode=$?\nfi\nreturn $retCode");
        area.Write("job/container_script.sh", "export TMPDIR=/srv;export GFORTRAN_TMPDIR=/srv;echo \"$TESTBED_IMAGE $PWD $PandaID $PanDA_TaskID $FRONTIER_ID $ATHENA_PROC_NUMBER [$OIDC_AUTH_TOKEN$PANDA_AUTH_TOKEN]\"; exit 6");
        area.Own(area.JobDirectory);
        foreach ((string name, string value) in ((string, string)[])[("PanDA_TaskID", "15012345"), ("FRONTIER_ID", "[1_2]"), ("ATHENA_PROC_NUMBER", "4"), ("OIDC_AUTH_TOKEN", "secret"), ("PANDA_AUTH_TOKEN", "secret")])
        {
            area.Variables[name] = value;
        }

        string line = $"export X509_USER_PROXY=/tmp/x509up;if [ -z \"$ATLAS_LOCAL_ROOT_BASE\" ]; then export ATLAS_LOCAL_ROOT_BASE=/cvmfs/atlas.cern.ch/repo/ATLASLocalRootBase; fi;export thePlatform=\"{Image}\";"
            + $"export PandaID=4012345678;source ${{ATLAS_LOCAL_ROOT_BASE}}/user/atlasLocalSetup.sh {shell}-c $thePlatform{noCvmfs} -s /srv/my_release_setup.sh -r /srv/container_script.sh{options}";
        Outcome outcome = await area.RunAsync(ct, "-c", Enter + line);

        // -C keeps the caller's variables out, but for the number that ALRB itself hands over.
        string passed = options.Contains("-C", StringComparison.Ordinal) ? "   " : "15012345 [1_2] 4 ";
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((6, $"INFO: sourcing\nbusybox /srv 4012345678 {passed}[]\n")), outcome.ToString());
    }

    /// <summary>DOCKER_TOKENS of the job: the pilot logs in before it opens the container, in the same line.</summary>
    [Test]
    public async Task ALRB_after_a_login(CancellationToken ct)
    {
        Area area = WithCvmfs();
        area.Variables["HOME"] = area.JobDirectory;
        area.Write("job/my_release_setup.sh", "return 0");
        area.Write("job/container_script.sh", "echo \"$TESTBED_IMAGE\"");
        area.Own(area.JobDirectory);
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            Enter + $"apptainer remote login -u {Testbed.User} -p {Testbed.Password} docker://{Testbed.GuardedAddress}/; export thePlatform=\"docker://{Testbed.GuardedRepository}:gzip\";export PandaID=1;"
            + "source ${ATLAS_LOCAL_ROOT_BASE}/user/atlasLocalSetup.sh -c $thePlatform -d -s /srv/my_release_setup.sh -r /srv/container_script.sh -e \"-c -i\"");
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((0, "busybox\n")), outcome.ToString());
    }

    [TestCase("-c -i")]
    [TestCase("-C --nv")]
    [TestCase("-B /usr/share -c")]
    public async Task Raw_mode(string options, CancellationToken ct)
    {
        Area area = WithCvmfs();
        Outcome outcome = await area.RunAsync(
            ct, "-c", $"{Enter}export workdir=$PWD; apptainer --verbose exec {options} -B /cvmfs,${{workdir}},/home {Image} /bin/sh -c 'cd $workdir;pwd;export PandaID=4012345678;ls /cvmfs;echo done > out;exit 9'");
        string place = options.StartsWith("-C", StringComparison.Ordinal) ? "" : area.JobDirectory;
        using (Assert.EnterMultipleScope())
        {
            // With -C the caller's variables stay outside, so that $workdir is empty and cd leads home, as with Apptainer itself.
            Assert.That(outcome.ExitCode, Is.EqualTo(9), outcome.ToString());
            Assert.That(outcome.Stdout, place.Length > 0 ? Is.EqualTo($"{place}\nshown\n") : Does.EndWith("\nshown\n"));
            Assert.That(File.Exists(area.JobFile("out")), Is.EqualTo(place.Length > 0));
        }
    }

    /// <summary>The glidein's trial of its binary, and a job by its wrapper.</summary>
    [TestCase("", false)]
    [TestCase("--pid ", false)]
    [TestCase("--pid --nv ", false)]
    [TestCase("--pid ", true)]
    public async Task GlideinWMS(string options, bool registry, CancellationToken ct)
    {
        Area area = WithCvmfs();
        string image = registry ? Image : Testbed.ReadableTree;
        string call = $"\"$GRIDWRAP_HOOKS/bin/singularity\" exec --home \"$PWD\":/srv --pwd /srv --ipc --contain {options}--bind /cvmfs,/etc/hosts {image} ";
        Outcome trial = await area.RunAsync(ct, "-c", call + "cat /proc/self/uid_map");
        Outcome job = await area.RunAsync(ct, "-c", call + "/bin/sh -c 'pwd; ls /cvmfs; echo made > made; exit 3'");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(trial.ExitCode, Is.Zero, trial.ToString());
            Assert.That(string.Join(',', trial.Stdout.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)), Does.Match("^,?[0-9]+,[0-9]+,"));
            Assert.That(trial.Stderr, Does.Not.Contain("FATAL"));
            Assert.That((job.ExitCode, job.Stdout, area.ReadText("made")), Is.EqualTo((3, "/srv\nshown\n", "made\n")), job.ToString());
        }
    }

    [TestCase("")]
    [TestCase("--userns ")]
    [TestCase("--userns --bind /cvmfs ")]
    [TestCase("--bind \"\" ")]
    [TestCase("--userns --bind /cvmfs --bind /etc/hosts --bind /usr/share:/opt/share:ro ")]
    public async Task DIRAC(string options, CancellationToken ct)
    {
        Area area = WithCvmfs();
        Outcome outcome = await area.RunAsync(
            ct,
            "-c",
            "mkdir -p work/tmp dirac; echo lib > dirac/lib; printf 'pwd; cat \"%s/dirac/lib\"; ls /cvmfs 2>/dev/null; echo 3 >/tmp/retcode; exit 3\\n' \"$PWD\" > work/tmp/dirac_container.sh; chmod +x work/tmp/dirac_container.sh; "
            + $"\"$GRIDWRAP_HOOKS/bin/singularity\" exec --contain --ipc --workdir \"$PWD/work\" --home /tmp {options}--bind \"$PWD/dirac:$PWD/dirac:ro\" {Testbed.ReadableTree} /tmp/dirac_container.sh");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.ToString());
            Assert.That(outcome.Stdout, Does.StartWith("/tmp\nlib\n"));
            Assert.That(outcome.Stdout.Contains("\nshown\n", StringComparison.Ordinal), Is.EqualTo(options.Contains("/cvmfs", StringComparison.Ordinal)));
            Assert.That(area.ReadText("work/tmp/retcode"), Is.EqualTo("3\n"));
        }
    }

    /// <summary>The plug-in beside a pilot that has the plug-in generic; what it writes is executed.</summary>
    [Test]
    public async Task The_pilots_plug_in_writes_the_line_of_generic_with_the_hook_before_it(CancellationToken ct)
    {
        await Tool.RunAsync(Testbed.Script("trixie.sh"));
        Area area = WithCvmfs();
        area.Variables.Remove("GRIDWRAP_HOOKS");
        string[] modules = ["common", "copytool_definitions", "cpu", "diagnose", "jobdata", "jobmetrics", "loopingjob_definitions", "memory", "monitoring", "proxy", "setup", "utilities"];
        foreach (string module in modules)
        {
            area.Write($"pilot/user/generic/{module}.py", $"def of_{module}():\n    return '{module}'\n");
        }

        area.Write("pilot/__init__.py", "");
        area.Write("pilot/user/__init__.py", "");
        area.Write("pilot/user/generic/__init__.py", "");
        area.Write("pilot/user/generic/container.py", $"""
            def do_use_container(**kwargs):
                return 'job' in kwargs
            def wrapper(executable, **kwargs):
                if 'job' not in kwargs:
                    return executable
                return 'if [ -z "$ATLAS_LOCAL_ROOT_BASE" ]; then export ATLAS_LOCAL_ROOT_BASE=/nonexistent; fi;export PandaID=1;source $ATLAS_LOCAL_ROOT_BASE/user/atlasLocalSetup.sh --shell bash -c {Image} -d -r /srv/container_script.sh -e "-c -i"'
            """);
        area.Write("job/container_script.sh", "echo \"$TESTBED_IMAGE\"; exit 8");
        area.Own(area.JobDirectory);
        Tool.Run("/bin/cp", "-r", Path.Combine(HookBed.Hooks, "panda/user-gridwrap"), Path.Combine(area.Root, "pilot/user/gridwrap"));
        string load = string.Join(';', modules.Select(m => $"import pilot.user.gridwrap.{m} as m; assert m.of_{m}() == '{m}'"));
        string[] lines = (await Tool.RunAsync(
            Testbed.Script("in-trixie.sh"),
            "--cd", area.Root, "--", "/usr/bin/env", "PYTHONDONTWRITEBYTECODE=1", $"GRIDWRAP_HOOKS={HookBed.Hooks}", "python3", "-c",
            $"{load}; from pilot.user.gridwrap import container as c; assert c.do_use_container(job=1); print(c.wrapper('plain')); print(c.wrapper('payload', job=1))")).TrimEnd().Split('\n');
        Outcome outcome = await area.RunAsync(ct, "-c", lines[1]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[0], Is.EqualTo("plain"));
            Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((8, "busybox\n")), outcome.ToString());
        }
    }

    /// <summary>A node with a CVMFS, which has one repository called `shown`.</summary>
    private Area WithCvmfs()
    {
        Area area = Register(HookBed.Shell());
        Directory.CreateDirectory(Path.Combine(area.Root, "cvmfs/shown"));
        area.Variables["GRIDWRAP_CVMFS_ROOT"] = Path.Combine(area.Root, "cvmfs");
        return area;
    }
}
