namespace GridWrapper.Launching;

/// <summary>What gridwrap-init is told of the process that starts it.</summary>
/// <param name="Pid">Of that process; the helper goes no further once it is dead. 0 = do not check.</param>
/// <param name="Linger">How long what the payload left behind may live after it.</param>
/// <param name="OpenFiles">The payload's soft limit of open files, 0 = as inherited.</param>
internal readonly record struct PlanCaller(int Pid, TimeSpan Linger, uint OpenFiles);
