namespace GridWrapper.Watching;

/// <summary>What a payload may use; null is no limit. All of its processes count together.</summary>
internal sealed record PayloadLimits
{
    /// <summary>Bytes of memory: of the control group where there is one, else proportional set size.</summary>
    public Limit? Memory { get; init; }

    /// <summary>Seconds of processor time.</summary>
    public Limit? Cpu { get; init; }

    /// <summary>Processors at a time; only a control group can hold a payload to it.</summary>
    public Limit? Cores { get; init; }

    /// <summary>Bytes in the job directory and the private /tmp.</summary>
    public Limit? Disk { get; init; }

    /// <summary>Bytes in one file of the job directory.</summary>
    public Limit? OutputFile { get; init; }

    /// <summary>Bytes in payload.stdout or payload.stderr.</summary>
    public Limit? Stdout { get; init; }

    /// <summary>Processes and threads.</summary>
    public Limit? Processes { get; init; }

    /// <summary>Seconds without a change in the job directory or the private /tmp.</summary>
    public Limit? Looping { get; init; }

    /// <summary>Whether the directories have to be walked.</summary>
    internal bool NeedDirectories => Disk is not null || OutputFile is not null || Stdout is not null || Looping is not null;
}
