namespace GridWrapper.Launching;

/// <summary>Why a payload was stopped by us; in reports: none, timeout, cancelled, lost-heartbeat, memory, looping, cpu, disk, processes.</summary>
internal enum StopReason
{
    None,
    Timeout,

    /// <summary>A signal to gridwrap, or `tobekilled` from the workload manager.</summary>
    Cancelled,
    LostHeartbeat,
    Memory,
    Looping,

    /// <summary>Processor time.</summary>
    Cpu,

    /// <summary>Size of the directories, of one file or of the streams.</summary>
    Disk,
    Processes,
}
