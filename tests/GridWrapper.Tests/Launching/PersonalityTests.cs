using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Launching;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Launching;

/// <summary>Image configurations by the rules of each personality: what runs, where, with which variables. The same for both launchers.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class PersonalityTests
{
    private const string Default = PayloadEnvironment.DefaultPath;

    /// <summary>What the image says, what the user says, what must come out. Null = not looked at.</summary>
    internal sealed record Row(string Name)
    {
        public Personality By { get; init; } = Personality.Oci;

        public string[] Entrypoint { get; init; } = [];

        public string[] Cmd { get; init; } = [];

        public string[] Env { get; init; } = [];

        public string Dir { get; init; } = "";

        public bool NoConfig { get; init; }

        public ImageInside? Inside { get; init; }

        public string[] Words { get; init; } = ["user"];

        public string[]? OwnEntrypoint { get; init; }

        public string? Pwd { get; init; }

        public string[] Decided { get; init; } = [];

        public string[] Passed { get; init; } = [];

        public string[] Addressed { get; init; } = [];

        public bool ImageHome { get; init; }

        public string[]? Argv { get; init; }

        public string? Cwd { get; init; }

        /// <summary>"NAME=value" that must be there, "NAME" that must not.</summary>
        public string[] Expect { get; init; } = [];

        public override string ToString() => Name;
    }

    private static readonly ImageInside Scripts = new() { HasShell = true, HasRunscript = true, Scripts = ["10-docker2singularity.sh", "90-environment.sh"] };

    public static IReadOnlyList<Row> Rows { get; } =
    [
        // OCI: argv.
        new("oci: entrypoint and command") { Entrypoint = ["ep", "-x"], Cmd = ["cmd"], Words = ["a", "b"], Argv = ["ep", "-x", "a", "b"] },
        new("oci: entrypoint and Cmd") { Entrypoint = ["ep"], Cmd = ["cmd", "arg"], Words = [], Argv = ["ep", "cmd", "arg"] },
        new("oci: Cmd alone") { Cmd = ["cmd"], Words = [], Argv = ["cmd"] },
        new("oci: command replaces Cmd") { Cmd = ["cmd"], Words = ["a"], Argv = ["a"] },
        new("oci: entrypoint alone") { Entrypoint = ["ep"], Words = [], Argv = ["ep"] },
        new("oci: shell form of ENTRYPOINT keeps the command as an argument") { Entrypoint = ["/bin/sh", "-c", "exec top -b"], Words = ["ignored"], Argv = ["/bin/sh", "-c", "exec top -b", "ignored"] },
        new("oci: shell form of CMD") { Cmd = ["/bin/sh", "-c", "echo \"$HOME\""], Words = [], Argv = ["/bin/sh", "-c", "echo \"$HOME\""] },
        new("oci: user's entrypoint clears Cmd") { Entrypoint = ["ep"], Cmd = ["cmd"], OwnEntrypoint = ["mine"], Words = [], Argv = ["mine"] },
        new("oci: user's entrypoint with a command") { Entrypoint = ["ep"], Cmd = ["cmd"], OwnEntrypoint = ["mine"], Words = ["a"], Argv = ["mine", "a"] },
        new("oci: entrypoint cleared") { Entrypoint = ["ep"], Cmd = ["cmd"], OwnEntrypoint = [], Words = ["a"], Argv = ["a"] },
        new("oci: words with blanks, quotes and newlines stay words") { Entrypoint = ["ep"], Words = ["a b", "'\"", "x\ny", ""], Argv = ["ep", "a b", "'\"", "x\ny", ""] },
        new("oci: a tree converted from an image, configuration in its scripts") { NoConfig = true, Inside = Scripts with { Config = Own(["ep"], ["cmd"]) }, Words = [], Argv = ["ep", "cmd"] },

        // OCI: directory.
        new("oci: no WorkingDir") { Cwd = "/" },
        new("oci: WorkingDir") { Dir = "/app", Cwd = "/app" },
        new("oci: relative WorkingDir") { Dir = "app/x", Cwd = "/app/x" },
        new("oci: WorkingDir /") { Dir = "/", Cwd = "/" },
        new("oci: --pwd beats WorkingDir") { Dir = "/app", Pwd = "/else", Cwd = "/else" },

        // OCI: variables.
        new("oci: default PATH") { Expect = ["PATH=" + Default] },
        new("oci: the image's PATH stays as it is") { Env = ["PATH=/opt/bin"], Expect = ["PATH=/opt/bin"] },
        new("oci: an empty PATH stays empty") { Env = ["PATH="], Expect = ["PATH="] },
        new("oci: several lines") { Env = ["M=one\ntwo\n"], Expect = ["M=one\ntwo\n"] },
        new("oci: no expansion") { Env = ["A=$HOME/${B}`x`\\"], Expect = ["A=$HOME/${B}`x`\\"] },
        new("oci: duplicates, the later wins") { Env = ["A=1", "B=x", "A=2"], Expect = ["A=2", "B=x"] },
        new("oci: '=' in a value") { Env = ["A=b=c=d"], Expect = ["A=b=c=d"] },
        new("oci: an entry without '='") { Env = ["JUNK", "=x"], Expect = ["JUNK"] },
        new("oci: a name that no shell would take") { Env = ["a.b-c=1"], Expect = ["a.b-c=1"] },
        new("oci: HOME is the job directory") { Env = ["HOME=/root"], Expect = ["HOME=/scratch/job"] },
        new("oci: HOME of the image's Env by wish") { Env = ["HOME=/home/x"], ImageHome = true, Expect = ["HOME=/home/x"] },
        new("oci: HOME of the image's user by wish") { ImageHome = true, Inside = new ImageInside { User = new ImageUser("x", 7, 7, "/home/u", false) }, Expect = ["HOME=/home/u"] },
        new("oci: HOME of root by wish") { ImageHome = true, Expect = ["HOME=/root"] },
        new("oci: decided beats the image") { Env = ["A=image"], Decided = ["A=job"], Expect = ["A=job"] },
        new("oci: the image beats what came along") { Env = ["LANG=C.UTF-8"], Passed = ["LANG=de_DE", "TZ=UTC"], Expect = ["LANG=C.UTF-8", "TZ=UTC"] },
        new("oci: nothing addressed to Singularity") { Addressed = ["X=1"], Expect = ["X", "APPTAINER_NAME"] },

        // Singularity: argv and directory.
        new("singularity: exec ignores Entrypoint and Cmd") { By = Personality.Singularity, Entrypoint = ["ep"], Cmd = ["cmd"], Argv = ["user"] },
        new("singularity: exec ignores WorkingDir") { By = Personality.Singularity, Dir = "/app", Cwd = "/scratch/job" },
        new("singularity: run is the runscript") { By = Personality.Singularity, NoConfig = true, Inside = Scripts, Words = [], Argv = ["/.singularity.d/runscript"] },
        new("singularity: run of a registry's image") { By = Personality.Singularity, Entrypoint = ["ep"], Cmd = ["cmd"], Words = [], Argv = ["ep", "cmd"] },
        new("singularity: run without a runscript is a shell") { By = Personality.Singularity, NoConfig = true, Inside = new ImageInside { HasShell = true }, Words = [], Argv = ["/bin/sh"] },

        // Singularity: variables of an image without scripts.
        new("singularity: PATH is completed") { By = Personality.Singularity, Env = ["PATH=/opt/bin:/bin"], Expect = ["PATH=/opt/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin"] },
        new("singularity: the image beats what came along") { By = Personality.Singularity, Env = ["A=image"], Passed = ["A=host", "B=host"], Expect = ["A=image", "B=host"] },
        new("singularity: decided beats the image") { By = Personality.Singularity, Env = ["A=image"], Decided = ["A=job"], Expect = ["A=job"] },
        new("singularity: addressed beats the image") { By = Personality.Singularity, Env = ["A=image"], Addressed = ["A=mine"], Expect = ["A=mine"] },
        new("singularity: decided beats addressed") { By = Personality.Singularity, Addressed = ["A=mine"], Decided = ["A=job"], Expect = ["A=job"] },
        new("singularity: PREPEND_PATH and APPEND_PATH") { By = Personality.Singularity, Env = ["PATH=" + Default], Addressed = ["PREPEND_PATH=/p", "APPEND_PATH=/a"], Expect = [$"PATH=/p:{Default}:/a", "PREPEND_PATH"] },
        new("singularity: PATH addressed") { By = Personality.Singularity, Addressed = ["PATH=/only"], Expect = ["PATH=/only"] },
        new("singularity: HOME cannot be addressed") { By = Personality.Singularity, Addressed = ["HOME=/h"], Expect = ["HOME=/scratch/job"] },
        new("singularity: the container's name") { By = Personality.Singularity, Expect = ["APPTAINER_NAME=abcd", "SINGULARITY_CONTAINER=/cvmfs/unpacked.cern.ch/.flat/ab/abcd", "APPTAINER_COMMAND=exec"] },

        // Nobody said.
        new("by call style: a command runs alone") { By = Personality.ByCallStyle, Entrypoint = ["ep"], Cmd = ["cmd"], Argv = ["user"] },
        new("by call style: no command is the image's") { By = Personality.ByCallStyle, Entrypoint = ["ep"], Cmd = ["cmd"], Words = [], Argv = ["ep", "cmd"] },
        new("by call style: user's entrypoint") { By = Personality.ByCallStyle, Entrypoint = ["ep"], OwnEntrypoint = ["mine"], Argv = ["mine", "user"] },
        new("by call style: WorkingDir counts") { By = Personality.ByCallStyle, Dir = "/app", Cwd = "/app" },
        new("by call style: no WorkingDir is the job directory") { By = Personality.ByCallStyle, Cwd = "/scratch/job" },
        new("by call style: what came along beats the image") { By = Personality.ByCallStyle, Env = ["LANG=C"], Passed = ["LANG=de_DE"], Expect = ["LANG=de_DE"] },
        new("by call style: a tree with scripts alone is read by Singularity's rules") { By = Personality.ByCallStyle, NoConfig = true, Inside = Scripts, Words = [], Argv = ["/.singularity.d/runscript"], Cwd = "/scratch/job" },
        new("by call style: scripts beside a configuration do not count") { By = Personality.ByCallStyle, Cmd = ["cmd"], Inside = Scripts, Words = [], Argv = ["cmd"] },
    ];

    [TestCaseSource(nameof(Rows))]
    public void Image(Row row)
    {
        LaunchRequest request = Request(row);
        ImmutableSortedDictionary<string, string> environment = PayloadEnvironment.Create(request);
        using (Assert.EnterMultipleScope())
        {
            if (row.Argv is not null)
            {
                Assert.That(PayloadCommand.Create(request), Is.EqualTo(row.Argv));
            }

            if (row.Cwd is not null)
            {
                Assert.That(PayloadDirectory.Create(request), Is.EqualTo(row.Cwd));
            }

            foreach (string expected in row.Expect)
            {
                string[] parts = expected.Split('=', 2);
                Assert.That(environment.GetValueOrDefault(parts[0]), Is.EqualTo(parts.Length > 1 ? parts[1] : null), parts[0]);
            }
        }
    }

    [Test]
    public void The_table_is_as_long_as_it_should_be() => Assert.That(Rows, Has.Count.GreaterThanOrEqualTo(40));

    [TestCase("", ExpectedResult = 15)]
    [TestCase("SIGTERM", ExpectedResult = 15)]
    [TestCase("SIGQUIT", ExpectedResult = 3)]
    [TestCase("quit", ExpectedResult = 3)]
    [TestCase("3", ExpectedResult = 3)]
    [TestCase("SIGWINCH", ExpectedResult = 28)]
    [TestCase("SIGRTMIN+3", ExpectedResult = 37)]
    [TestCase("SIGRTMAX-1", ExpectedResult = 63)]
    [TestCase("SIGKILL", ExpectedResult = 9)]
    [TestCase("SIGRTMIN+6", ExpectedResult = 15, Description = "the helper's own")]
    [TestCase("SIGSTOP", ExpectedResult = 15)]
    [TestCase("SIGNONSENSE", ExpectedResult = 15)]
    [TestCase("SIGRTMIN+x", ExpectedResult = 15)]
    [TestCase("4711", ExpectedResult = 15)]
    public int Stop_signal(string text) => StopSignals.Parse(text);

    [TestCase(Personality.Oci, false, "/data,/a/b")]
    [TestCase(Personality.ByCallStyle, false, "/data,/a/b")]
    [TestCase(Personality.Singularity, false, "")]
    [TestCase(Personality.Oci, true, "")]
    public void Volumes(object personality, bool writable, string expected)
    {
        LaunchRequest request = Request(new Row("")) with { Personality = (Personality)personality, Writable = writable };
        request = request with { Rootfs = request.Rootfs with { Config = Requests.Config with { Volumes = ["/data/", "/", "relative", "/proc/x", "/../etc", "/a//b", "/tmp"] } } };
        Assert.That(string.Join(',', PersonalityRules.Volumes(request).Select(v => v.Target)), Is.EqualTo(expected));
    }

    [Test]
    public void Scripts_are_read_by_the_images_shell_and_values_stay_out_of_argv()
    {
        LaunchRequest request = Request(new Row("")
        {
            NoConfig = true, Inside = Scripts, By = Personality.Singularity, Decided = ["TOKEN=secret", "no.name=1"], Passed = ["LANG=de"], Addressed = ["X=addressed", "TOKEN=other"],
        });
        LaunchSpec spec = new RootlessLauncher("/cache").Build(request);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(spec.Argv[0], Is.EqualTo("/bin/sh"));
            Assert.That(spec.Argv[^1], Is.EqualTo("user"));
            Assert.That(string.Join(' ', spec.Argv), Does.Not.Contain("secret").And.Not.Contain("addressed"));
            Assert.That(spec.Environment["GRIDWRAP_SET_TOKEN"], Is.EqualTo("secret"));
            Assert.That(spec.Environment["GRIDWRAP_PASS_LANG"], Is.EqualTo("de"));
            Assert.That(spec.Environment["GRIDWRAP_SET_X"], Is.EqualTo("addressed"));
            Assert.That(spec.Environment.Keys, Has.None.Contain("no.name"));
            Assert.That(spec.Argv[2].Split('\n').Count(l => l.Contains("export TOKEN=", StringComparison.Ordinal)), Is.EqualTo(1));
        }
    }

    [Test]
    public void Without_a_shell_in_the_image_its_scripts_are_read_as_text()
    {
        ImageInside inside = Scripts with { HasShell = false, Config = Own(["ep"], []) with { Env = ["A=script"] } };
        LaunchSpec spec = new RootlessLauncher("/cache").Build(Request(new Row("") { NoConfig = true, Inside = inside, By = Personality.Singularity }));
        Assert.That((spec.Argv[0], spec.Environment["A"]), Is.EqualTo(("user", "script")));
    }

    [Test]
    public void Apptainer_reads_the_scripts_itself()
    {
        LaunchRequest request = Request(new Row("") { NoConfig = true, Inside = Scripts, By = Personality.Singularity, Decided = ["A=1"], Passed = ["LANG=de"], Addressed = ["X=y"] });
        LaunchSpec spec = ApptainerCommandLine.Create(request, Requests.Apptainer);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(spec.Argv, Has.Member("--contain").And.No.Member("--containall"));
            Assert.That(spec.Environment["APPTAINERENV_A"], Is.EqualTo("1"));
            Assert.That(spec.Environment["APPTAINERENV_X"], Is.EqualTo("y"));
            Assert.That(spec.Environment["LANG"], Is.EqualTo("de"));
            Assert.That(spec.Environment.Keys, Has.No.Member("APPTAINERENV_PATH"));
        }
    }

    [Test]
    public void An_image_with_nothing_to_run_is_to_blame([Values] bool singularity) =>
        Assert.That(
            () => PayloadCommand.Create(Request(new Row("") { Words = [], By = singularity ? Personality.Singularity : Personality.Oci })),
            Throws.TypeOf<GridWrapperException>().With.Property(nameof(GridWrapperException.Failure)).With.Property(nameof(Failure.Blame)).EqualTo(Blame.Image));

    private static ImageConfig Own(string[] entrypoint, string[] cmd) => Requests.Config with { Entrypoint = [.. entrypoint], Cmd = [.. cmd] };

    private static LaunchRequest Request(Row row)
    {
        LaunchRequest request = Requests.With(Requests.Apptainer);
        ImageConfig config = Own(row.Entrypoint, row.Cmd) with { Env = [.. row.Env], WorkingDir = row.Dir };
        return request with
        {
            Rootfs = request.Rootfs with { Config = row.NoConfig ? null : config, Inside = row.Inside },
            Personality = row.By,
            Command = [.. row.Words],
            Entrypoint = row.OwnEntrypoint is { } own ? [.. own] : null,
            InitialDirectory = row.Pwd,
            ImageHome = row.ImageHome,
            Environment = Map([.. row.Passed, .. row.Decided]),
            Passed = [.. Map(row.Passed).Keys],
            Addressed = Map(row.Addressed),
        };
    }

    private static ImmutableSortedDictionary<string, string> Map(string[] entries) =>
        entries.Select(e => e.Split('=', 2)).ToImmutableSortedDictionary(e => e[0], e => e[1], StringComparer.Ordinal);
}
