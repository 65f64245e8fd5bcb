using GridWrapper.Diagnostics;

namespace GridWrapper.Launching;

/// <summary>What the end of an `apptainer exec` means.</summary>
internal abstract record ApptainerEnd
{
    private ApptainerEnd()
    {
    }

    /// <summary>The exit code is the payload's.</summary>
    internal sealed record Payload : ApptainerEnd;

    /// <summary>Everything was ready, but the payload's program could not be executed.</summary>
    internal sealed record NotExecuted(int ExitCode, string Errno) : ApptainerEnd;

    /// <summary>The payload was not started.</summary>
    internal sealed record Failed(string Step, int PilotErrorCode, Blame Blame, string? Errno, string Text, string Advice) : ApptainerEnd;
}
