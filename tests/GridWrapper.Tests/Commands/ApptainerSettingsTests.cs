using GridWrapper.Commands;
using GridWrapper.Diagnostics;
using GridWrapper.Running;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Commands;

/// <summary>What Apptainer shows, hides and passes on by itself, and what its options change in that.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ApptainerSettingsTests
{
    private static RunSettings Create(string line, Dictionary<string, string>? environment = null, string root = "/cvmfs") =>
        new ApptainerSettings(ApptainerWords.Read("exec", ApptainerOption.OfRun, [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)]), Caller(environment, root)).Create(runsImage: false);

    private static RunSettings Caller(Dictionary<string, string>? environment, string root) => new()
    {
        Site = new SiteProfile { Name = "p", Cvmfs = new CvmfsPolicy { Root = root } },
        CacheDirectory = "/cache",
        WorkDirectory = "/scratch/job",
        Environment = environment ?? new() { ["HOME"] = "/home/me" },
    };

    private static string Binds(RunSettings settings) => string.Join(' ', settings.Binds.Select(b => $"{b.Source}:{b.Target}{(b.ReadOnly ? ":ro" : "")}"));

    private static string? Variable(RunSettings settings, string name) => settings.PayloadEnvironment.LastOrDefault(v => v.Key == name).Value;

    [TestCase("", "/home/me:/home/me /tmp:/tmp /var/tmp:/var/tmp", null, "")]
    [TestCase("--no-home", "/tmp:/tmp /var/tmp:/var/tmp", null, "")]
    [TestCase("--no-mount home,tmp,cwd", "", "/", "")]
    [TestCase("-c", "", "/home/me", "/home/me")]
    [TestCase("-C -B /scratch/job:/ctrdata --pwd /ctrdata", "/scratch/job:/ctrdata", "/ctrdata", "/home/me")]
    [TestCase("-c -B /scratch", "/scratch:/scratch", "/scratch/job", "/home/me")]
    [TestCase("-c --home /scratch/job:/srv", "/scratch/job:/srv", "/srv", "")]
    [TestCase("--contain --ipc --workdir /b --home /tmp", "/b/tmp:/tmp /b/var_tmp:/var/tmp", "/tmp", "")]
    [TestCase("-c -W /b", "/b/home:/home/me /b/tmp:/tmp /b/var_tmp:/var/tmp", "/home/me", "")]
    [TestCase("-c --no-home -S /scratch,/tmp", "", "/", "/scratch")]
    public void Places(string line, string binds, string? start, string empty)
    {
        RunSettings settings = Create(line);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Binds(settings), Is.EqualTo(binds));
            Assert.That(settings.InitialDirectory, Is.EqualTo(start));
            Assert.That(string.Join(' ', settings.AsApptainer!.EmptyDirectories), Is.EqualTo(empty));
            Assert.That(settings.AsApptainer.HideWorkDirectory, Is.EqualTo(line.Contains("cwd", StringComparison.Ordinal) || start is not null));
            Assert.That(settings.Personality, Is.EqualTo("singularity"));
        }
    }

    [TestCase("-B /a,/b:/c,,/d:/e:ro", "/a:/a /b:/c /d:/e:ro")]
    [TestCase("--mount type=bind,source=/a,destination=/b,ro", "/a:/b:ro")]
    [TestCase("--mount type=bind,\"src=/a,\"\"x\",dst=/b", "/a,\"x:/b")]
    [TestCase("-B rel:/r", "/scratch/job/rel:/r")]
    public void Binds_are_read(string options, string expected) => Assert.That(Binds(Create("-c --no-home " + options)), Is.EqualTo(expected));

    [TestCase("-B /a:/b:zz", "expected SRC")]
    [TestCase("-B /a:b", "absolute")]
    [TestCase("--mount type=image,source=/a,destination=/b", "type=image")]
    [TestCase("--no-mount proc", "--no-mount proc")]
    [TestCase("--env X", "KEY=VALUE")]
    [TestCase("-S rel", "absolute")]
    [TestCase("--home /a:/b:/c", "--home /a:/b:/c")]
    public void What_makes_no_sense_is_refused(string line, string part) => Assert.That(() => Create(line), Throws.TypeOf<GridWrapperException>().With.Message.Contains(part));

    [Test]
    public void Another_mount_point_of_CVMFS_is_meant_by_its_usual_path() =>
        Assert.That(Binds(Create("-c --no-home -B /cvmfs -B /cvmfs/x.y:/z", root: "/mnt/cvmfs")), Is.EqualTo("/mnt/cvmfs:/cvmfs /mnt/cvmfs/x.y:/z"));

    [TestCase("", "A,X509_USER_PROXY")]
    [TestCase("-e", "")]
    [TestCase("-C", "")]
    public void Variables_of_the_caller_enter_but_for_those_of_the_programs(string line, string expected)
    {
        Dictionary<string, string> environment = new()
        {
            ["HOME"] = "/h", ["PATH"] = "/p", ["PWD"] = "/scratch/job", ["LD_LIBRARY_PATH"] = "/l", ["A"] = "a", ["X509_USER_PROXY"] = "/x",
            ["APPTAINER_BIND"] = "", ["APPTAINERENV_B"] = "b", ["SINGULARITY_TMPDIR"] = "/t", ["GRIDWRAP_CACHE"] = "/c",
        };
        Assert.That(string.Join(',', Create(line, environment).Site.Environment.Pass.Where(environment.ContainsKey)), Is.EqualTo(expected));
    }

    [Test]
    public void Variables_given_may_hold_commas()
    {
        RunSettings settings = Create("--env A=1,B=2,3,C=4");
        Assert.That((Variable(settings, "A"), Variable(settings, "B"), Variable(settings, "C"), Variable(settings, "HOME")), Is.EqualTo(("1", "2,3", "4", "/home/me")));
    }

    [TestCase("--nv", "auto", false, false)]
    [TestCase("", "off", false, false)]
    [TestCase("--writable-tmpfs --fakeroot", "off", true, true)]
    [TestCase("--compat", "off", true, false)]
    public void Switches(string line, string gpu, bool writable, bool root)
    {
        RunSettings settings = Create(line);
        Assert.That((settings.Gpu, settings.Writable, settings.Isolation.FakeRoot), Is.EqualTo((gpu, writable, root)));
    }

    [TestCase("-c docker://a/b -s /srv/s.sh -r /srv/r.sh -e|-c -i", true)]
    [TestCase("-c docker://a/b -d -s /srv/s.sh -r /srv/r.sh -e|-B /eos --nocvmfs --nohome", true)]
    [TestCase("-c atlas/athena:21.0.15 -r x", true)]
    [TestCase("-c /cvmfs/unpacked.cern.ch/i -r x", true)]
    [TestCase("-c el9 -r x", false)]
    [TestCase("-c centos7", false)]
    [TestCase("-c docker://a/b", false)]
    [TestCase("", false)]
    [TestCase("-c docker://a/b -r x --swtype y", false)]
    public void Lines_for_a_container_of_an_image_are_ours(string line, bool ours) =>
        Assert.That(AlrbWords.TryRead([.. line.Split('|').SelectMany((part, i) => i == 0 ? part.Split(' ', StringSplitOptions.RemoveEmptyEntries) : Options(part))]) is { IsOurs: true }, Is.EqualTo(ours));

    /// <summary>The value of -e is one word.</summary>
    private static string[] Options(string part) => part.Contains(" --no", StringComparison.Ordinal) ? [part[..part.IndexOf(" --no", StringComparison.Ordinal)], .. part[(part.IndexOf(" --no", StringComparison.Ordinal) + 1)..].Split(' ')] : [part];

    [TestCase("me:x:7:7::/home/me/:/bin/sh", "/home/me")]
    [TestCase("7:x:1:1::/wrong:/bin/sh\nme:x:8:7::/other:/bin/sh", null)]
    [TestCase("me:x:7:7::/:/bin/sh", null)]
    [TestCase("me:x:7:7:::/bin/sh", null)]
    public void The_home_is_the_accounts(string passwd, string? expected) => Assert.That(ApptainerCaller.Home(passwd.Replace("7:x", "me2:x", StringComparison.Ordinal), 7), Is.EqualTo(expected));

    [Test]
    public void A_registrys_image_needs_no_scheme() =>
        Assert.That((AlrbWords.Read(["-c", "atlas/athena:21", "-r", "x"]).Reference, AlrbWords.Read(["-c", "/cvmfs/a", "-r", "x"]).Reference), Is.EqualTo(("docker://atlas/athena:21", "/cvmfs/a")));
}
