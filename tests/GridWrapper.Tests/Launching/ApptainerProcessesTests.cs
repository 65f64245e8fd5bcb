using GridWrapper.Launching;
using GridWrapper.Linux;

namespace GridWrapper.Tests.Launching;

/// <summary>Process trees as they were seen, and which of their members get the payload's signals.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ApptainerProcessesTests
{
    private const int Runtime = 100;

    public static IReadOnlyList<TestCaseData> Trees { get; } =
    [
        Case("rootless with a file system by FUSE", "100 50 100 starter, 101 100 100 fuse-overlayfs, 102 100 100 appinit, 110 102 100 sh, 111 110 100 sleep, 112 110 112 setsid, 113 112 100 back", true, 110, 111, 113),
        Case("Singularity's init", "100 50 100 starter-suid, 102 100 100 sinit, 110 102 100 sh", true, 110),
        Case("still setting up", "100 50 100 starter, 101 100 100 starter, 102 101 101 fuse-overlayfs", false),
        Case("init alone", "100 50 100 starter, 102 100 100 appinit", false),
        Case("without a pid namespace", "100 50 100 starter, 110 100 100 athena.py, 111 110 100 sleep", true),
        Case("a payload that is a runtime", "100 50 100 starter, 102 100 100 appinit, 110 102 100 apptainer", true, 110),
        Case("ended", "50 1 50 gridwrap", false),
    ];

    [TestCaseSource(nameof(Trees))]
    public void ThePayloadIsToldFromTheRuntime(string tree, bool have, int[] payload)
    {
        ImmutableArray<ProcessEntry> all = [.. tree.Split(", ").Select(line => line.Split(' ')).Select(w => new ProcessEntry(Number(w[0]), Number(w[1]), Number(w[2]), w[3]))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ApptainerProcesses.Payload(all, Runtime), Is.EqualTo(payload));
            Assert.That(ApptainerProcesses.HavePayload(all, Runtime), Is.EqualTo(have));
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static TestCaseData Case(string name, string tree, bool have, params int[] payload) => new TestCaseData(tree, have, payload).SetArgDisplayNames(name);
}
