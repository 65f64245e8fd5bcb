using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>The StatusCode of PanDA's answers to a request for a job.</summary>
internal static class ServerStatus
{
    internal static string Meaning(long status) => status switch
    {
        10 => "time-out",
        20 => "no jobs",
        30 => "failed",
        50 => "invalid request",
        60 => "missing role",
        70 => "no permission",
        80 => "key missing",
        90 => "proxy problem",
        _ => "unknown",
    };

    internal static int PilotErrorCode(long status) => status is 10 or 20 ? PilotError.NoJobsInPanda : PilotError.CommunicationFailure;
}
