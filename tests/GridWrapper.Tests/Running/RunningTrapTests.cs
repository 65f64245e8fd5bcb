using System.Reflection;
using System.Text.RegularExpressions;
using GridWrapper.Diagnostics;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Tests.ArchitectureTests;

namespace GridWrapper.Tests.Running;

/// <summary>The traps of running below a pilot, as far as they can be asked without running. What they do on a node is asked by the system tests of the same numbers.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class RunningTrapTests
{
    private static readonly ImmutableArray<string> Phrases =
    [
        "Failed to create user namespace", "Not mounting requested bind point", "No more available loop devices", "Failed to mount image", "error: while mounting",
        "Singularity is not installed", "Apptainer is not installed",
    ];

    [Test]
    public void Trap_07_the_pilots_phrases_stand_in_one_place_only() => Assert.That(
        SourceFile.All.Where(static f => f.Path != "Diagnostics/ErrorReport.cs" && Phrases.Any(p => f.Text.Contains(p, StringComparison.Ordinal))).Select(static f => f.Path), Is.Empty);

    [Test]
    public void Trap_08_no_exit_code_of_ours_means_something_else_to_the_pilot()
    {
        IEnumerable<int> own = typeof(ExitCodes).GetFields(BindingFlags.Static | BindingFlags.NonPublic).Select(static f => (int)f.GetRawConstantValue()!);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(own, Has.None.AnyOf(1, 2, 3, 251, 255));
            Assert.That(new[] { 0, 1, 2, 3, 126, 251, 255 }.Select(static c => JobFiles.ExitCode(c, underPilot: true)), Is.EqualTo(new[] { 0, 1, 1, 1, 126, 1, 1 }));
            Assert.That(new[] { 2, 3, 251, 255 }.Select(static c => JobFiles.ExitCode(c, underPilot: false)), Is.EqualTo(new[] { 2, 3, 251, 255 }));
        }
    }

    [Test]
    public void Trap_09_scratch_and_layers_are_not_in_the_job_directory()
    {
        using RunningScratch scratch = new();
        Assert.That(ScratchDirectory.Name(scratch.Settings.CacheDirectory), Does.StartWith(scratch.Cache).And.Not.StartWith(scratch.Job));
    }

    [Test]
    public void Trap_19_the_jobs_number_is_in_the_payloads_command_line()
    {
        using RunningScratch scratch = new();
        Assert.That(new JobPayload(scratch.Settings, RunningScratch.Request() with { PandaId = 4012345678 }).Command()[^1], Does.StartWith("export PandaID=4012345678;"));
    }

    [Test]
    public void Trap_20_the_payload_has_less_than_the_ten_seconds_that_a_pilot_waits() => Assert.That(new SiteProfile { Name = "x" }.GraceSeconds, Is.LessThanOrEqualTo(8));

    [Test]
    public void Every_trap_has_a_test_with_its_number()
    {
        IEnumerable<int> asked = from type in Assembly.GetExecutingAssembly().GetTypes()
                                 from method in type.GetMethods(BindingFlags.Instance | BindingFlags.Public)
                                 let number = Regex.Match(method.Name, "^Trap_([0-9]{2})(_|$)")
                                 where number.Success
                                 select int.Parse(number.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        Assert.That(asked.Distinct().Order(), Is.EqualTo(Enumerable.Range(1, 20)));
    }
}
