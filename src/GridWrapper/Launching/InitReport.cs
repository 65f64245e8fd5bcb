using System.Buffers.Binary;

namespace GridWrapper.Launching;

/// <summary>One record from gridwrap-init (struct report in src/init/gridwrap-init.c).</summary>
internal sealed record InitReport(InitReportKind Kind, uint Step, int Errno, int Status, double CpuSeconds, long MaxRssBytes)
{
    internal const int SizeBytes = 40;

    /// <summary>Steps at and above this number are the helper's own, below it they count the plan's operations.</summary>
    private const uint OwnSteps = 0x10000;

    internal static InitReport Parse(ReadOnlySpan<byte> record) => new(
        (InitReportKind)BinaryPrimitives.ReadUInt32LittleEndian(record),
        BinaryPrimitives.ReadUInt32LittleEndian(record[4..]),
        BinaryPrimitives.ReadInt32LittleEndian(record[8..]),
        BinaryPrimitives.ReadInt32LittleEndian(record[12..]),
        (BinaryPrimitives.ReadUInt64LittleEndian(record[16..]) + BinaryPrimitives.ReadUInt64LittleEndian(record[24..])) / 1e6,
        (long)BinaryPrimitives.ReadUInt64LittleEndian(record[32..]) * 1024);

    /// <summary>True for the steps before any operation: namespaces and identity maps.</summary>
    internal bool IsNamespaceStep => Step is > OwnSteps and <= OwnSteps + 4;

    /// <summary>The operation that the step is, null for the helper's own steps.</summary>
    internal LaunchOperation? Operation(ImmutableArray<LaunchOperation> operations) => Step < operations.Length ? operations[(int)Step] : null;

    /// <summary>Name of the step for reports.</summary>
    internal string StepName(ImmutableArray<LaunchOperation> operations) => Operation(operations)?.Op ?? Step switch
    {
        OwnSteps => "find-parent",
        OwnSteps + 1 => "unshare",
        OwnSteps + 2 => "write-setgroups",
        OwnSteps + 3 => "write-uid-map",
        OwnSteps + 4 => "write-gid-map",
        OwnSteps + 5 => "fork",
        OwnSteps + 6 => "enter-directory",
        OwnSteps + 7 => "drop-privileges",
        OwnSteps + 8 => "join-cgroup",
        OwnSteps + 9 => "take-terminal",
        OwnSteps + 10 => "set-limits",
        OwnSteps + 11 => "own-user-namespace",
        OwnSteps + 12 => "own-maps",
        OwnSteps + 13 => "system-call-filter",
        _ => string.Create(CultureInfo.InvariantCulture, $"step-{Step}"),
    };
}

internal enum InitReportKind : uint
{
    SetupFailed = 1,
    Started = 2,
    ExecFailed = 3,
    Exited = 4,
    Step = 5,
    BadPlan = 6,
}
