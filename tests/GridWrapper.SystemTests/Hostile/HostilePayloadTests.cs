using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using GridWrapper.SystemTests.Launching;

namespace GridWrapper.SystemTests.Hostile;

/// <summary>
/// A payload that attacks the pilot which started it: its files, environment, memory, processes and credentials, all of them under the same uid. Every attempt is
/// a case of its own; tests/testbed/hostile makes them in one launch.
/// </summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(120_000)]
internal sealed class HostilePayloadTests
{
    private const string Nothing = "nothing";
    private const string NoFile = "can't open .*No such file or directory";
    private const string Refused = "refused: ";
    private const string Denied = "Permission denied|no such file|Read-only file system|No such file|nonexistent directory|Operation not permitted";

    /// <summary>Reachable because the network is shared with the node, which jobs need: the pilot must not listen there without asking who calls.</summary>
    private const string OpenByDesign = "^reachable$";

    private ImmutableDictionary<string, string> _answers = ImmutableDictionary<string, string>.Empty;

    /// <summary>The attempt, and what its answer must match.</summary>
    private static IEnumerable<TestCaseData> Attempts() => new (string Name, string Wanted)[]
    {
        ("read-home", NoFile), ("read-ssh-key", NoFile), ("read-proxy", NoFile), ("read-token", NoFile), ("search-home", Nothing), ("up-and-away", NoFile), ("handle", Refused), ("leave-root", Refused),
        ("own-environment", Nothing), ("parent-environment", Denied), ("init-environment", Denied), ("pilot-environment", Denied), ("every-environment", Nothing), ("every-command-line", Nothing),
        ("init-root", "Permission denied"), ("every-root", Nothing), ("every-directory", Nothing), ("every-file-of-others", Nothing), ("inherited-files", "^none$"), ("init-files", Nothing),
        ("init-memory", Refused), ("init-memory-by-call", Refused), ("init-debugger", Refused), ("init-program", Refused), ("pilot-memory", Refused), ("pilot-debugger", Refused),
        ("pilot-priority", Refused), ("pilot-limits", Refused), ("pilot-kill", Refused), ("init-kill", "^harmless$"), ("kill-all", "^harmless"), ("pilot-alive", "^yes$"), ("pilot-priority-after", "^0$"),
        ("keyring", "^not found$"), ("key-by-number", Refused + "|nothing"), ("user-keyring", "^not found$"), ("shared-memory", "^not found$"), ("message-queue", "^not found$"), ("socket-in-its-directory", Refused),
        ("abstract-socket", OpenByDesign), ("loopback-port", OpenByDesign), ("shared-files-in-memory", Nothing), ("terminal", "^nothing typed$"),
        ("mount-over", "permission denied"), ("unmount", "Operation not permitted"), ("remount", "permission denied"), ("nested-unmount", "Invalid argument|Operation not permitted"),
        ("nested-remount", "permission denied|Operation not permitted"), ("nested-remount-sys", "permission denied|Operation not permitted"), ("nested-block-device", "Operation not permitted"),
        ("block-device", Nothing), ("mount-comes-out", NoFile), ("mount-after", "^none$"),
        ("core-pattern", Denied), ("modprobe-path", Denied), ("uevent-helper", Denied), ("nested-core-pattern", Denied), ("cgroup-release-agent", Denied + "|nothing"), ("cgroup-leave", Denied + "|nothing"),
        ("nested-cgroup", "failed|Operation not permitted|denied"), ("kernel-memory", Denied), ("kernel-log", Denied + "|nothing|not closed on this node"), ("sysrq", Denied),
        ("job-directory-replaced", "busy|Permission denied|Read-only"), ("job-directory-removed", "busy|Permission denied|Read-only|not empty"), ("identity-rewritten", "must be suid|incorrect|Permission denied|Read-only"),
        ("setuid-program", Nothing), ("daemon", "^left one behind$"), ("daemon-after", "^gone$"), ("code", "^0$"), ("secrets-untouched", "^yes$"),
        ("links-of-image", "ELOOP|No such file|can't open"), ("links-of-image-after", "^untouched$"), ("relative-links-of-image", "ELOOP|No such file|can't open"),
        ("relative-links-of-image-after", "^untouched$"), ("preload", "^started$"),
    }.Select(a => new TestCaseData(a.Name, a.Wanted).SetArgDisplayNames(a.Name));

    [OneTimeSetUp]
    public async Task AttackAsync()
    {
        string program = Environment.GetEnvironmentVariable("GRIDWRAP_PROGRAM") ?? Path.Combine(RootlessTestbed.Repository, "artifacts", "linux-x64", "gridwrap");
        if (!File.Exists(program))
        {
            Assert.Ignore($"{program} is missing: ./build.sh makes it");
        }

        (int code, string output, string errors) = await RootlessTestbed.ExecuteAsync(
            [Path.Combine(RootlessTestbed.Repository, "tests", "testbed", "hostile", "hostile.sh"), "--gridwrap", program], new RootlessTestbed.Launch());
        Assert.That(code, Is.Zero, errors);
        _answers = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t', 2)).ToImmutableDictionary(a => a[0], a => a[^1].Trim());
    }

    [TestCaseSource(nameof(Attempts))]
    public void AnAttemptComesToNothing(string name, string wanted)
    {
        string answer = _answers.GetValueOrDefault(name, "no answer");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Does.Match(new Regex(wanted, RegexOptions.IgnoreCase)));
            Assert.That(answer, Does.Not.Contain("SECRET").And.Not.Contains("GOT "));
        }
    }

    [Test]
    public void EveryAttemptIsJudged() => Assert.That(_answers.Keys, Is.SubsetOf(Attempts().Select(a => a.Arguments[0])));
}
