using System.Runtime.Versioning;

namespace GridWrapper.SystemTests.Launching;

/// <summary>What a payload finds inside, whatever the image holds, and that the host and the image stay as they were.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class RootlessRootTests
{
    private RootlessTestbed _testbed = null!;

    [OneTimeSetUp]
    public async Task SetUpAsync() => _testbed = await RootlessTestbed.CreateAsync();

    [OneTimeTearDown]
    public void TearDown() => _testbed?.Dispose();

    [Test]
    public async Task ThePayloadHasNoPrivilegesAndOnlyItsOwnDescriptors()
    {
        (int code, string output, string errors) = await _testbed.ShellAsync("id -u; id -g; grep -E '^(Cap|NoNewPrivs|SigIgn|SigBlk)' /proc/self/status | tr -d '\\t\\n'; echo; echo /proc/self/fd/*; echo $$");
        string zero = new('0', 16);
        string uid = Environment.UserName == "root" ? RootlessTestbed.User : output.Split('\n')[0];
        Assert.That((code, output), Is.EqualTo((0, $"{uid}\n{uid}\nSigBlk:{zero}SigIgn:{zero}CapInh:{zero}CapPrm:{zero}CapEff:{zero}CapBnd:{zero}CapAmb:{zero}NoNewPrivs:1\n"
            + "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n2\n")), errors); // 3 is the directory that is being read
    }

    [Test]
    public async Task TheCallersMaskAndLimitsArePassedOn()
    {
        (int code, string output, string errors) = await _testbed.HostShellAsync(
            $"umask 027; ulimit -Sn 517; exec 7</dev/null; '{_testbed.Program}' exec --launcher rootless '{_testbed.Image}' -- /bin/sh -c 'umask; ulimit -Sn; ls /proc/self/fd/7'; :", _testbed.NewDirectory());
        Assert.That((code, output), Is.EqualTo((0, "0027\n517\n")), errors);
    }

    [Test]
    public async Task ClosedStandardDescriptorsDoNoHarm()
    {
        (int code, string output, string errors) = await _testbed.HostShellAsync(
            $"'{_testbed.Program}' exec --launcher rootless '{_testbed.Image}' -- /bin/sh -c 'echo out; exit 3' <&-; echo $?; '{_testbed.Program}' exec --launcher rootless '{_testbed.Image}' -- /bin/sh -c 'exit 4' <&- >&- 2>&-; echo $?",
            _testbed.NewDirectory());
        Assert.That((code, output), Is.EqualTo((0, "out\n3\n4\n")), errors);
    }

    [Test]
    public async Task TheRootIsReadOnlyAndTheRestIsThere()
    {
        string directory = _testbed.NewDirectory();
        (_, string output, string errors) = await _testbed.ShellAsync(
            "touch /x; touch /etc/passwd; touch /bin/x; touch /sys/x; touch /tmp/a /var/tmp/b here /dev/shm/c && ls /tmp | tr '\\n' ' '; head -n 1 /etc/passwd; echo x >/dev/null; head -c 3 /dev/zero | wc -c; cat /data/kept",
            new RootlessTestbed.Launch { Directory = directory });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(errors, Is.EqualTo("touch: /x: Read-only file system\ntouch: /etc/passwd: Read-only file system\ntouch: /bin/x: Read-only file system\ntouch: /sys/x: Read-only file system\n")
                .Or.Contains("touch: /x: Read-only file system").And.Contains("touch: /bin/x: Read-only file system"));
            Assert.That(output, Does.Contain("a b ").And.Contain(":x:").And.EndWith("3\nbase\n"));
            Assert.That(File.Exists(Path.Combine(directory, "here")));
            Assert.That(Directory.EnumerateFileSystemEntries(directory).Count(), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task AWritableRootTakesEverythingAndTheImageStaysAsItWas()
    {
        string before = await ListAsync(_testbed.Image);
        (int code, _, string errors) = await _testbed.ShellAsync(
            "set -e; rm -rf /data; mkdir /data; echo x >/data/kept; rm /bin/vi; mkdir /new; mv /etc/os-release /new; echo y >>/etc/nsswitch.conf; chmod 700 /modes; ln -s a /links/b; [ $(ls /data) = kept ]", null, null, "--writable");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((code, errors), Is.EqualTo((0, "")));
            Assert.That(await ListAsync(_testbed.Image), Is.EqualTo(before));
        }
    }

    [TestCase("dev", "VICTIM")]
    [TestCase("tmp", "/etc")]
    [TestCase("var/tmp", "VICTIM")]
    [TestCase("tmp", "/nowhere/at/all")]
    [TestCase("etc", "..")]
    [TestCase("etc", "VICTIM")]
    [TestCase("var", "../../../../../../VICTIM")]
    [TestCase("proc", "VICTIM")]
    [TestCase("sys", "/proc/self/cwd")]
    [TestCase("JOB", "VICTIM")]
    [TestCase("JOB", "/etc")]
    [TestCase("etc/passwd", "VICTIM/file")]
    [TestCase("etc/passwd", "/dev/zero")]
    [TestCase("etc/group", "/proc/1/root/VICTIM/file")]
    [TestCase("etc/resolv.conf", "../run/nothing")]
    [TestCase("etc/hosts", "VICTIM/new")]
    public async Task LinksOfTheImageNeverLeadToTheHost(string link, string target)
    {
        string victim = _testbed.NewDirectory();
        await File.WriteAllTextAsync(Path.Combine(victim, "file"), "host\n");
        string directory = _testbed.NewDirectory();
        string image = _testbed.NewImage();
        // The job's directory by its parent: /tmp/gridwrap-rootless-x.
        string path = Path.Combine(image, link == "JOB" ? Path.GetDirectoryName(directory)![1..] : link);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.CreateSymbolicLink(path, target.Replace("VICTIM", victim, StringComparison.Ordinal));
        (int code, _, string errors) = await _testbed.ShellAsync("echo x >/tmp/y; echo x >/etc/z; echo x >/dev/null; touch here; exit 6", new RootlessTestbed.Launch { Directory = directory }, image);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.EqualTo(6), errors);
            Assert.That(Directory.GetFileSystemEntries(victim).Select(Path.GetFileName), Is.EqualTo((string[])["file"]));
            Assert.That(await File.ReadAllTextAsync(Path.Combine(victim, "file")), Is.EqualTo("host\n"));
            Assert.That(new FileInfo(path).LinkTarget, Is.Not.Null);
        }
    }

    [Test]
    public async Task AnImageWhoseOnlyTmpIsItselfIsRefusedWithAReason()
    {
        string image = _testbed.NewImage();
        File.CreateSymbolicLink(Path.Combine(image, "tmp"), "tmp");
        (int code, _, string errors) = await _testbed.ShellAsync("exit 6", null, image);
        Assert.That((code is 75 or 125, errors), Is.EqualTo((true, errors)));
        Assert.That(errors, Does.Contain("ELOOP"));
    }

    [TestCase("with space"), TestCase("co:lon"), TestCase("com,ma"), TestCase("Zürich ☃"), TestCase("quote'\"\\x"), TestCase("new\nline")]
    public async Task AnyNameOfADirectoryWorks(string name)
    {
        string directory = _testbed.NewDirectory(name);
        (int code, string output, string errors) = await _testbed.ShellAsync("pwd; touch here; head -n 1 /etc/passwd | grep -c :x:", new RootlessTestbed.Launch { Directory = directory });
        Assert.That((code, output, File.Exists(Path.Combine(directory, "here"))), Is.EqualTo((0, directory + "\n1\n", true)), errors);
    }

    [TestCase("/"), TestCase("/usr"), TestCase("/etc")]
    public async Task ADirectoryOfTheSystemDoesNotReplaceTheImages(string directory)
    {
        (int code, string output, string errors) = await _testbed.ShellAsync("ls /data/kept; exit 5", new RootlessTestbed.Launch { Directory = directory });
        Assert.That((code, output), Is.EqualTo((5, "/data/kept\n")), errors);
    }

    [Test]
    public async Task AMaskedProcCostsThePidNamespaceOnly()
    {
        RootlessTestbed.Launch launch = new() { Before = ["/usr/bin/unshare", "-rm", "/bin/sh", "-c", "mount -t tmpfs none /proc/sys/net && exec \"$@\"", "sh"] };
        (int code, string output, string errors) = await _testbed.ShellAsync("[ $$ -gt 2 ] && readlink /proc/self >/dev/null && echo shared; setsid sleep 4244.5 >/dev/null 2>&1 & exit 3", launch);
        Assert.That((code, output), Is.EqualTo((3, "shared\n")), errors);
        await _testbed.NothingLeftAsync("4244.5");
    }

    [Test]
    public async Task ItWorksInsideItself()
    {
        string directory = _testbed.NewDirectory();
        string script = $"exec '{_testbed.Program}' exec --launcher rootless --cache /tmp/cache '{_testbed.Image}' -- /bin/sh -c 'cat /data/kept; grep -c gridwrap-init /proc/1/cmdline; exit 9'";
        (int code, string output, string errors) = await _testbed.ShellAsync(script, new RootlessTestbed.Launch { Directory = directory }, _testbed.NewImage(), "--bind", _testbed.Base, "--bind", Path.GetDirectoryName(_testbed.Program)!, "--bind", "/usr", "--bind", "/lib", "--bind", "/lib64");
        Assert.That((code, output), Is.EqualTo((9, "base\n1\n")), errors);
    }

    private static async Task<string> ListAsync(string tree)
    {
        (_, string output, _) = await RootlessTestbed.ExecuteAsync(["/usr/bin/find", tree, "-printf", "%P %y %m %s %T@ %l\\n"], new RootlessTestbed.Launch());
        return string.Join('\n', output.Split('\n').Order(StringComparer.Ordinal));
    }
}
