namespace GridWrapper.Watching;

/// <summary>What a payload can have too much of.</summary>
internal enum LimitKind
{
    Memory,
    Cpu,

    /// <summary>The job directory and the private /tmp together.</summary>
    Disk,

    /// <summary>One file of the job directory.</summary>
    OutputFile,
    Stdout,
    Processes,

    /// <summary>Time without a sign of life.</summary>
    Looping,
}
