using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Images that wish for something, by the rules of each personality, and the same trees through Apptainer itself.</summary>
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(200_000)]
internal sealed class PersonalityTests : EndToEndFixture
{
    private const string Entered = "for w; do echo \"[$w]\"; done; pwd; echo \"$MULTI\"; id -u; touch /vol/a/x /vol/b/y && echo written";

    /// <summary>What a payload of gridwrap's does not get although Apptainer sets it, or gets otherwise, with the reason.</summary>
    private static readonly Dictionary<string, string> OnPurpose = new()
    {
        ["HOME"] = "the job directory, not the account's home",
        ["PS1"] = "prompts are the shell's own business",
        ["PROMPT_COMMAND"] = "the same",
        ["USER_PATH"] = "the caller's search path is none of the payload's business",
        ["USER"] = "the caller's environment does not enter",
        ["LOGNAME"] = "the same",
        ["TMPDIR"] = "the same",
        ["GRIDWRAP_CACHE"] = "the same",
        ["APPTAINER_BIND"] = "it would tell another launch what to bind",
        ["SINGULARITY_BIND"] = "the same",
        ["APPTAINER_APPNAME"] = "there are no apps",
        ["SHLVL"] = "one shell more or less",
        ["OLDPWD"] = "the same",
        ["_"] = "the shell's own",
        ["LANG"] = "the tree's LANG does not pass through env -i",
        ["TERM"] = "the same",
    };

    private static string s_tree = "";
    private static string s_layout = "";

    [OneTimeSetUp]
    public async Task ImagesAsync()
    {
        await Tool.RunAsync(Testbed.Script("trixie.sh"));
        s_tree = Path.Combine(Testbed.Base, "scripted");
        await Tool.RunAsync("/bin/cp", "-a", Testbed.ReadableTree, s_tree);
        Script("env/10-docker2singularity.sh", "export PATH=\"/opt/x/bin:/usr/bin:/bin\"\nexport FROMIMAGE=\"${FROMIMAGE:-\"image value\"}\"\nexport MULTI=\"${MULTI:-\"one\ntwo\"}\"\n");
        Script("env/90-environment.sh", "#!/bin/sh\nexport DERIVED=\"$FROMIMAGE, $PATH\"\n");
        Script("env/99-base.sh", "#!/bin/sh\n");
        Script("runscript", "#!/bin/sh\necho runscript \"$@\"\n");
        s_layout = Path.Combine(Testbed.Base, "personality");
        await Tool.RunAsync("/bin/cp", "-a", Path.Combine(Testbed.Image, "layout"), s_layout);
        await Tool.RunAsync("/usr/bin/umoci", [
            "config", "--image", s_layout + ":gzip", "--tag", "wishes", "--config.entrypoint", "/bin/sh", "--config.entrypoint", "-c", "--config.entrypoint", Entered, "--config.entrypoint", "ep",
            "--config.cmd", "c1", "--config.env", "MULTI=one\ntwo $X", "--config.workingdir", "/made/for/me", "--config.user", "1000", "--config.volume", "/vol/a", "--config.volume", "/vol/b",
            "--config.stopsignal", "SIGUSR1",
        ]);
        await Tool.RunAsync("/bin/chmod", "-R", "a+rX", s_tree, s_layout);
    }

    private static string Wishes => $"oci:{s_layout}:wishes";

    [TestCase("[a b]\n[c]", "a b", "c")]
    [TestCase("[c1]")]
    public async Task By_OCIs_rules(string expected, params string[] words)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(CancellationToken.None, ["exec", "--personality", "oci", Wishes, "--", .. words]);
        Assert.That(outcome.Stdout, Is.EqualTo($"{expected}\n/made/for/me\none\ntwo $X\n{area.Uid}\nwritten\n"), outcome.ToString());
    }

    [Test]
    public async Task By_Singularitys_rules_of_an_image_without_scripts(CancellationToken ct)
    {
        Area area = NewArea();
        area.Variables["APPTAINERENV_FORCED"] = "a b";
        area.Variables["SINGULARITYENV_PREPEND_PATH"] = "/first";
        Outcome outcome = await area.RunAsync(ct, "exec", "--personality", "singularity", Wishes, "--", "/bin/sh", "-c", "pwd; echo $FORCED; echo $PATH; [ -e /vol ] || echo no volume");
        Assert.That(outcome.Stdout, Is.EqualTo($"{area.JobDirectory}\na b\n/first:/usr/local/bin:/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin\nno volume\n"), outcome.ToString());
    }

    [Test]
    public async Task The_images_own_signal_asks_for_the_end(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "exec", "--timeout", "2", Wishes, "--", "/bin/sh", "-c", "trap 'echo USR1; exit 7' USR1; trap 'echo TERM; exit 8' TERM; while :; do sleep 0.1; done");
        Assert.That((outcome.ExitCode, outcome.Stdout), Is.EqualTo((7, "USR1\n")), outcome.ToString());
    }

    [Test]
    public async Task The_users_entry_point_and_the_images_home(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome outcome = await area.RunAsync(ct, "exec", "--personality", "oci", "--entrypoint", "/bin/echo", "--image-home", Wishes, "--", "mine");
        Outcome home = await area.RunAsync(ct, "exec", "--image-home", Wishes, "--", "/bin/sh", "-c", "echo $HOME");
        Assert.That((outcome.Stdout, home.Stdout), Is.EqualTo(("mine\n", "/home/user\n")), outcome.ToString() + home);
    }

    [Test]
    public async Task A_tree_with_scripts_is_read_by_them_where_nobody_chose(CancellationToken ct)
    {
        Area area = NewArea();
        Outcome values = await area.RunAsync(ct, "exec", "--env", "GIVEN=$x`y`", s_tree, "--", "/bin/sh", "-c", "echo \"$FROMIMAGE|$MULTI|$DERIVED|$GIVEN\"");
        Outcome run = await area.RunAsync(ct, "exec", s_tree);
        Outcome oci = await area.RunAsync(ct, "exec", "--personality", "oci", s_tree, "--", "/bin/sh", "-c", "echo \"$DERIVED|$PATH\"");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(values.Stdout, Is.EqualTo("image value|one\ntwo|image value, /opt/x/bin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin|$x`y`\n"), values.ToString());
            Assert.That(run.Stdout, Is.EqualTo("runscript\n"), run.ToString());
            Assert.That(oci.Stdout, Is.EqualTo("|/opt/x/bin:/usr/bin:/bin\n"), oci.ToString());
        }
    }

    [Test]
    public async Task The_plan_tells_the_rules_apart(CancellationToken ct)
    {
        Outcome outcome = await NewArea().RunAsync(ct, "plan", "--json", "--personality", "oci", Wishes);
        JToken[] views = [.. JObject.Parse(outcome.Stdout)["personalities"]!];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(views.Select(v => (string)v["name"]!), Is.EqualTo((string[])["oci", "singularity", "by-call-style"]));
            Assert.That(views.Select(v => (string)v["argvWithCommand"]!.Last!), Is.All.EqualTo("CMD"));
            Assert.That(views.Select(v => (string)v["argvWithCommand"]!.First!), Is.EqualTo((string[])["/bin/sh", "CMD", "CMD"]));
            Assert.That(views.Select(v => (int)v["stopSignal"]!), Is.EqualTo((int[])[10, 15, 10]));
            Assert.That(views.Select(v => (bool)v["inForce"]!), Is.EqualTo((bool[])[true, false, false]));
        }
    }

    /// <summary>Apptainer on the tree, and gridwrap on it through either launcher.</summary>
    [TestCase("rootless", true)]
    [TestCase("apptainer", true)]
    [TestCase("rootless", false)]
    [TestCase("apptainer", false)]
    public async Task The_same_as_Apptainer_but_for_what_is_on_purpose(string launcher, bool scripts, CancellationToken ct)
    {
        const string look = "env | sort; echo \"--$(pwd) $(id -u):$(id -g)\"";
        Area area = Register(new Area(12345));
        string tree = scripts ? s_tree : Testbed.ReadableTree;
        string[] addressed = ["APPTAINERENV_FORCED=a b\"c", "APPTAINERENV_PREPEND_PATH=/first", "APPTAINERENV_APPEND_PATH=/last", "SINGULARITYENV_OLD=o", "APPTAINERENV_FROMIMAGE=mine"];
        string[] enter = ["--user", "--cd", area.JobDirectory, "--", "env", "-i", "PATH=/usr/bin:/bin", "HOME=/home/testbed", .. addressed];
        string theirs = await Tool.RunAsync(Testbed.Script("in-trixie.sh"), [.. enter, "apptainer", "exec", tree, "/bin/sh", "-c", look]);
        string ours = await Tool.RunAsync(
            Testbed.Script("in-trixie.sh"),
            [.. enter, "GRIDWRAP_CACHE=" + area.Cache, area.Program, "exec", "--personality", "singularity", "--launcher", launcher, tree, "--", "/bin/sh", "-c", look]);
        (Dictionary<string, string> Variables, string Place) apptainer = Read(theirs), gridwrap = Read(ours);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(gridwrap.Place, Is.EqualTo(apptainer.Place), "directory and ids");
            foreach (string name in apptainer.Variables.Keys.Union(gridwrap.Variables.Keys).Where(n => !OnPurpose.ContainsKey(n)))
            {
                Assert.That(gridwrap.Variables.GetValueOrDefault(name), Is.EqualTo(apptainer.Variables.GetValueOrDefault(name)), name);
            }
        }
    }

    [TestCase("rootless")]
    [TestCase("apptainer")]
    public async Task The_runscript_as_Apptainer_runs_it(string launcher)
    {
        Area area = Register(new Area(12345));
        string[] enter = ["--user", "--cd", area.JobDirectory, "--", "env", "-i", "PATH=/usr/bin:/bin", "HOME=/home/testbed"];
        string theirs = await Tool.RunAsync(Testbed.Script("in-trixie.sh"), [.. enter, "apptainer", "run", s_tree]);
        string ours = await Tool.RunAsync(Testbed.Script("in-trixie.sh"), [.. enter, "GRIDWRAP_CACHE=" + area.Cache, area.Program, "exec", "--launcher", launcher, s_tree]);
        Assert.That(ours, Is.EqualTo(theirs).And.EqualTo("runscript\n"));
    }

    /// <summary>A driver that only plays the card, and everything else real.</summary>
    [Test]
    public async Task A_GPU_reaches_the_payload() =>
        Assert.That(await Tool.RunAsync(Testbed.Script("gpu-node.sh"), "--stub", Testbed.Program), Does.Match("(?m)^PASS memory to the card and back").And.Not.Contain("FAIL"));

    [Test]
    public async Task A_GPU_that_must_be_there_and_is_not_sends_the_job_elsewhere(CancellationToken ct)
    {
        if (File.Exists("/dev/nvidiactl") || File.Exists("/dev/kfd"))
        {
            Assert.Ignore("this node has a GPU");
        }

        Outcome outcome = await NewArea().RunAsync(ct, "exec", "--gpu", "on", Testbed.ReadableTree, "--", "/bin/true");
        Assert.That(outcome.ExitCode, Is.EqualTo(75), outcome.ToString());
        Assert.That(outcome.Stderr, Does.Contain("gridwrap: site: ").And.Contain("a GPU is required (--gpu on)"));
    }

    /// <summary>Lines of `env`, values of several lines put together, and the last line.</summary>
    private static (Dictionary<string, string> Variables, string Place) Read(string output)
    {
        Dictionary<string, string> variables = [];
        string place = "";
        foreach (string line in output.TrimEnd('\n').Split('\n'))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (line.StartsWith("--", StringComparison.Ordinal))
            {
                place = line;
            }
            else if (equals > 0)
            {
                variables[line[..equals]] = line[(equals + 1)..];
            }
        }

        return (variables, place);
    }

    private static void Script(string name, string text)
    {
        string path = Path.Combine(s_tree, ".singularity.d", name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        Tool.Run("/bin/chmod", "0755", path);
    }
}
