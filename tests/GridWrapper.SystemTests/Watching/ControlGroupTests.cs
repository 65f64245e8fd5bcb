using System.Diagnostics;
using GridWrapper.SystemTests.BadInput;
using GridWrapper.Tests.Documentation;

namespace GridWrapper.SystemTests.Watching;

/// <summary>Control groups on a kernel that has them: a virtual machine whose only hierarchy is that of version 2 (tests/testbed/cgroup-vm.sh), the published file, an ordinary user.</summary>
[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(600_000)]
internal sealed class ControlGroupTests
{
    private const int CannotBeHad = 77;
    private const string NothingLeft = "groups=0 members=0 enabled=";

    private Dictionary<string, string> _cases = [];

    [OneTimeSetUp]
    public async Task RunAsync()
    {
        string beds = Repository.PathOf("tests/testbed");
        ProcessStartInfo start = new(Path.Combine(beds, "cgroup-vm.sh"), [Published.File, Path.Combine(beds, "cgroup-scenario.sh")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode == CannotBeHad)
        {
            Assert.Ignore((await errors).Trim());
        }

        Assert.That(output, Does.Contain("== END"), $"{output}{await errors}");
        _cases = output.Split("== ").Where(part => part.StartsWith("CASE ", StringComparison.Ordinal))
            .Select(part => part[5..].Split('\n', 2)).ToDictionary(part => part[0].Trim(), part => part[1]);
    }

    [Test]
    public void The_probe_finds_the_group_and_leaves_it_as_it_was() => Assert.That(
        _cases["probe"],
        Does.Contain("\"state\":\"known\"").And.Contain("\"directory\":\"/sys/fs/cgroup/job\"").And.Contain("memory").And.Contain("pids").And.Contain("\"movesItself\":true").And.Contain(NothingLeft));

    [TestCase("memory", "--memory-limit allows 64 MiB")]
    [TestCase("moved", "limits.memoryBytes of the site profile vm allows 64 MiB")]
    [TestCase("parent", "limits.memoryBytes of the site profile vm allows 64 MiB")]
    public void The_kernel_holds_the_memory_limit_and_is_told_apart_from_137(string name, string words) =>
        Assert.That(_cases[name], Does.Contain("rc=137").And.Contain("the kernel killed the payload").And.Contain(words).And.Contain("[step=limit-memory pilot=1212]"));

    [TestCase("memory")]
    [TestCase("within")]
    [TestCase("processes")]
    [TestCase("bomb")]
    [TestCase("cores")]
    public void Nothing_is_left(string name) => Assert.That(_cases[name].TrimEnd(), Does.EndWith(NothingLeft));

    [Test]
    public void A_payload_within_its_limits_is_let_be_and_sits_in_its_own_group() =>
        Assert.That(_cases["within"], Does.Match(@"0::/\S*gridwrap-").And.Contain("rc=7").And.Not.Contain("gridwrap:"));

    [Test]
    public void The_number_of_processes_is_held() => Assert.That(_cases["processes"], Does.Contain("can't fork").And.Contain("sleepers=0"));

    [Test]
    public void A_fork_bomb_ends_with_the_time_limit() => Assert.That(_cases["bomb"], Does.Match("rc=(137|143)"));

    [Test]
    public void Processors_are_held() => Assert.That(_cases["cores"], Does.Contain("50000 100000"));

    [Test]
    public void What_a_killed_run_left_goes_with_the_next_but_the_leaf_that_this_one_sits_in() =>
        Assert.That(_cases["killed"], Does.Contain("sleepers=0").And.Contain("after the kill: groups=2").And.Contain("rc=0\ngroups=1 members=0"));

    [Test]
    public void Others_in_the_group_are_not_moved_and_sampling_holds_the_limit() =>
        Assert.That(_cases["others"], Does.Contain("pilot=1235").And.Contain("groups=0 members=1"));

    [Test]
    public void Others_are_moved_where_the_profile_says_so_and_come_back() => Assert.That(_cases["moved"], Does.Contain("other=0::/job\n"));

    [Test]
    public void A_limit_of_the_batch_system_is_told_apart_from_ours() =>
        Assert.That(_cases["batch"], Does.Contain("rc=137").And.Contain("batch system").And.Contain("pilot=1212"));

    [Test]
    public void Without_delegation_sampling_holds_the_limit() => Assert.That(_cases["undelegated"], Does.Contain("pilot=1235"));
}
