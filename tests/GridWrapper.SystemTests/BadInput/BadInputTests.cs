namespace GridWrapper.SystemTests.BadInput;

/// <summary>
/// The published file against input that is wrong: one clear line at the end of stderr, the promised exit code, nothing left behind. Run as an ordinary user.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class BadInputTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        JobCases.All.Concat(CommandLineCases.All).Concat(ProfileCases.All).Concat(ReferenceCases.All).Concat(RegistryCases.All).Concat(LayerCases.All).Select(c => c.Data);

    [TestCaseSource(nameof(Cases))]
    [CancelAfter(240_000)]
    public async Task Told_in_one_line_and_nothing_left(object input, CancellationToken ct)
    {
        BadCase bad = (BadCase)input;
        using BadInputBed bed = new();
        BadRun run = await bed.RunAsync(bad.Prepare(bed), ct);
        TestContext.Out.WriteLine($"exit {run.ExitCode}\n{run.Errors}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(bad.Exit));
            Assert.That(run.Last, Is.Not.Null, $"not the promised form: {run.Errors}");
            Assert.That((run.Last?.Blame, run.Last?.Step, run.Last?.Pilot), Is.EqualTo((bad.Blame, bad.Step, bad.Pilot)));
            Assert.That(bad.Says.Where(s => run.Last?.Message.Contains(s, StringComparison.Ordinal) != true), Is.Empty, run.Last?.Message);
            Assert.That(run.Noise, Is.Empty, run.Errors);
            Assert.That(run.Left, Is.Empty);
        }
    }

    /// <summary>Without this, a harness in which nothing ever works would pass.</summary>
    [Test]
    [CancelAfter(240_000)]
    public async Task Good_input_runs_and_leaves_nothing_either(CancellationToken ct)
    {
        using BadInputBed bed = new();
        ScriptedRegistry registry = bed.Keep(new ScriptedRegistry());
        BadRun run = await bed.RunAsync(["pull", "--strategy", "registry", registry.Serve(new TinyImage())], ct);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(run.Output, Does.Contain("fetched"));
            Assert.That(run.Errors, Is.Empty);
            Assert.That(run.Left, Is.Empty);
        }
    }
}
