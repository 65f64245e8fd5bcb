using GridWrapper.Watching;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>How a run is supervised.</summary>
internal sealed record RunControl
{
    /// <summary>Between the first TERM and KILL.</summary>
    public required TimeSpan Grace { get; init; }

    /// <summary>Wall-clock limit, null for none; on expiry TERM, grace, KILL, stop reason "timeout".</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Signals from outside to be forwarded to the payload's group (TERM also starts the grace period).</summary>
    public required StopSource Stop { get; init; }

    /// <summary>Payload's stdout/stderr; null = inherited.</summary>
    public SafeFileHandle? StandardOutput { get; init; }

    public SafeFileHandle? StandardError { get; init; }

    /// <summary>How long the set-up inside the namespaces may take before it counts as hung.</summary>
    public TimeSpan SetupDeadline { get; init; } = TimeSpan.FromSeconds(60);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Called once with the pid of the launched tree's root as seen by this process.</summary>
    public Action<int>? Started { get; init; }

    /// <summary>Limits and samples; null where nobody asks for them, and then they cost nothing.</summary>
    public WatchOptions? Watch { get; init; }

    /// <summary>Called with the last KILL: ends what the launcher's own kill does not reach.</summary>
    public Action? LastKill { get; init; }
}
