using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Reporting;
using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

/// <summary>How a payload ends, and what the server is told of it.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
public class PayloadEndTests
{
    [Provokes(
        PilotError.PayloadExecutionFailure, PilotError.UnknownTrfFailure, PilotError.PayloadSegmentationFault, PilotError.SigBus, PilotError.SigUsr1, PilotError.SigXcpu,
        PilotError.PayloadOutOfMemory, PilotError.MissingInstallation, PilotError.SetupFatal, PilotError.NoLocalSpace, PilotError.MissingUserCode, PilotError.NoUserTarball)]
    [TestCase("exit 7", 7, PilotError.PayloadExecutionFailure, null, "exited with 7")]
    [TestCase("exit 251", 251, PilotError.UnknownTrfFailure, null, "251: its transform did not say why")]
    [TestCase("kill -SEGV $$", 139, PilotError.PayloadSegmentationFault, null, "signal 11")]
    [TestCase("kill -BUS $$", 135, PilotError.SigBus, null, "signal 7")]
    [TestCase("kill -USR1 $$", 138, PilotError.SigUsr1, null, "signal 10")]
    [TestCase("kill -XCPU $$", 152, PilotError.SigXcpu, null, "signal 24")]
    [TestCase("echo \"terminate called after throwing an instance of 'std::bad_alloc'\" >&2; exit 134", 134, PilotError.PayloadOutOfMemory, Blame.User, "payload.stderr says 'terminate called")]
    [TestCase("echo 'FATAL out of memory: taking the application down' >&2; exit 1", 1, PilotError.PayloadOutOfMemory, Blame.User, "taking the application down")]
    [TestCase(". ./nowhere/setup.sh", 2, PilotError.MissingInstallation, Blame.User, "nowhere/setup.sh")]
    [TestCase("echo 'sh: 3: .: cannot open /cvmfs/atlas.cern.ch/x/setup.sh: No such file or directory'; exit 1", 1, PilotError.MissingInstallation, Blame.Cvmfs, "whether CVMFS is shown")]
    [TestCase("echo 'AtlasSetup(FATAL): Fatal exception - exiting'; exit 1", 1, PilotError.SetupFatal, Blame.User, "payload.stdout says 'AtlasSetup(FATAL)")]
    [TestCase("echo 'tar: x: No space left on device' >&2; exit 1", 1, PilotError.NoLocalSpace, Blame.Site, "a file system that it writes to is full")]
    [TestCase("echo 'ERROR: unable to fetch source tarball from web'; exit 1", 1, PilotError.MissingUserCode, Blame.User, "submit the task again")]
    [TestCase("echo 'got a SIGSEGV signal'; exit 1", 1, PilotError.PayloadSegmentationFault, Blame.User, "died of SEGV")]
    [TestCase("echo '{\"exitCode\": 146}' > jobReport.json; exit 1", 1, PilotError.NoUserTarball, Blame.Site, "exitCode 146")]
    public async Task A_payload_that_ends_badly(string exec, int exit, int pilot, object? blame, string words)
    {
        using JobBench bench = new();
        JobOutcome outcome = await bench.RunAsync(exec);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.Failure, outcome.Image?.Result?.ExitCode), Is.EqualTo(((Failure?)null, (int?)exit)), "it stays a result");
            Assert.That((bench.Last.JobStatus, bench.Last.PilotErrorCode, bench.Last.TransExitCode), Is.EqualTo(("failed", (int?)pilot, (int?)exit)), bench.Last.PilotErrorDiag);
            Assert.That(bench.Last.PilotErrorDiag, Does.Contain(words));
            Assert.That(outcome.Sign?.Blame, Is.EqualTo((Blame?)blame));
        }
    }

    [Test]
    [Provokes(PilotError.CoreDump)]
    public async Task A_core_file_of_the_payload_is_named_and_another_file_is_not()
    {
        using JobBench bench = new();
        const string core = "printf '\\177ELF\\002\\001\\001\\000\\000\\000\\000\\000\\000\\000\\000\\000\\004\\000' > core.17";
        JobOutcome outcome = await bench.RunAsync(core + "; echo text > core.txt; exit 3");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Last.PilotErrorCode, Is.EqualTo(PilotError.CoreDump));
            Assert.That(bench.Last.PilotErrorDiag, Does.Contain("core.17").And.Contain("exited with 3"));
            Assert.That((outcome.Sign?.Blame, outcome.Sign?.Step), Is.EqualTo(((Blame?)Blame.User, "payload-core")));
        }

        using JobBench other = new();
        await other.RunAsync("echo text > core.txt; exit 3");
        Assert.That(other.Last.PilotErrorCode, Is.EqualTo(PilotError.PayloadExecutionFailure));
    }

    [Test]
    public async Task The_words_of_a_payload_that_ends_well_mean_nothing()
    {
        using JobBench bench = new();
        JobOutcome outcome = await bench.RunAsync("echo 'No space left on device' >&2; echo std::bad_alloc");
        Assert.That((bench.Last.JobStatus, bench.Last.PilotErrorCode, outcome.Sign), Is.EqualTo(("finished", (int?)0, (PayloadSign?)null)));
    }

    /// <summary>What a batch system sends to gridwrap itself.</summary>
    [Provokes(PilotError.KillSignal, PilotError.SigTerm, PilotError.SigQuit, PilotError.SigXcpu, PilotError.SigInt)]
    [TestCase(1, PilotError.KillSignal)]
    [TestCase(2, PilotError.SigInt)]
    [TestCase(3, PilotError.SigQuit)]
    [TestCase(15, PilotError.SigTerm)]
    [TestCase(24, PilotError.SigXcpu)]
    public async Task A_signal_to_gridwrap_ends_the_payload(int signal, int pilot)
    {
        using JobBench bench = new() { Began = control => control.Stop.RequestStop(StopReason.Cancelled, signal) };
        await bench.RunAsync("trap 'exit 9' HUP INT QUIT TERM XCPU; while :; do sleep 0.05; done");
        Assert.That((bench.Last.JobStatus, bench.Last.PilotErrorCode), Is.EqualTo(("failed", (int?)pilot)), bench.Last.PilotErrorDiag);
    }

    [Provokes(PilotError.NoPayloadMetadata, PilotError.NoOutputInJobReport, PilotError.EmptyOutputFile, PilotError.MissingOutputFile, PilotError.ZeroFileSize)]
    [TestCase("Sim_tf.py", "echo x > out", PilotError.NoPayloadMetadata, "neither a jobReport.json that can be read nor a metadata.xml")]
    [TestCase("Sim_tf.py", "echo x > out; echo garbage > jobReport.json", PilotError.NoPayloadMetadata, "look into its log")]
    [TestCase("Sim_tf.py", "echo x > out; echo x > metadata.xml", 0, "")]
    [TestCase("Archive_tf.py", "echo x > out", 0, "")]
    [TestCase("Sim_tf.py", "echo '{\"files\": {\"output\": []}}' > jobReport.json", PilotError.NoOutputInJobReport, "lists no output, and L did not come")]
    [TestCase("Sim_tf.py", "echo x > out; echo '{\"files\": {\"output\": []}}' > jobReport.json", 0, "")]
    [TestCase("http://panda/trf", ": > out; echo '{\"files\": {\"output\": [{\"subFiles\": [{\"name\": \"L\", \"file_size\": 10}]}]}}' > jobReport.json", PilotError.EmptyOutputFile, "says that it has 10 bytes")]
    [TestCase("http://panda/trf", ": > out", PilotError.ZeroFileSize, "is empty")]
    [TestCase("http://panda/trf", "true", PilotError.MissingOutputFile, "did not produce the output")]
    public async Task Outputs_and_the_payloads_own_report(string transformation, string exec, int pilot, string words)
    {
        using JobBench bench = new();
        JobOutcome outcome = await bench.RunAsync(JobBench.Job(exec) with { Transformation = transformation, Outputs = [new OutputSpec("out", "L", OutputKind.File)] });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Last.PilotErrorCode, Is.EqualTo(pilot), outcome.Failure?.Message);
            Assert.That(outcome.Failure?.Message ?? "", Does.Contain(words));
            Assert.That((outcome.Failure?.Blame, outcome.Failure?.ExitCode), Is.EqualTo(pilot == 0 ? ((Blame?)null, (int?)null) : (Blame.User, 73)));
        }
    }
}
