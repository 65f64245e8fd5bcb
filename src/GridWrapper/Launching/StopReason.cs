namespace GridWrapper.Launching;

/// <summary>Why a payload was stopped by us; in reports: none, timeout, cancelled, lost-heartbeat, memory, looping.</summary>
internal enum StopReason
{
    None,
    Timeout,

    /// <summary>A signal to gridwrap, or `tobekilled` from the workload manager.</summary>
    Cancelled,
    LostHeartbeat,
    Memory,
    Looping,
}
