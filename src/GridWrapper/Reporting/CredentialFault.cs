using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>Failures of what this side has to show to the server.</summary>
internal static class CredentialFault
{
    internal static GridWrapperException Of(string step, string message, Exception? inner = null) => Of(step, message, PilotError.NoProxy, inner);

    internal static GridWrapperException Of(string step, string message, int pilotError, Exception? inner = null) => new(
        new Failure
        {
            Blame = Blame.Site,
            Phase = Phase.Report,
            Step = step,
            PilotErrorCode = pilotError,
            Message = message,
        },
        inner);
}
