using GridWrapper.Diagnostics;

namespace GridWrapper.Launching;

/// <summary>The argv that runs inside. Pure.</summary>
internal static class PayloadCommand
{
    /// <summary>OCI rules where <see cref="LaunchRequest.UseEntrypoint"/> says so or no command was given, otherwise the command alone.</summary>
    /// <exception cref="GridWrapperException">No command was given and the image has none.</exception>
    internal static ImmutableArray<string> Create(LaunchRequest request)
    {
        ImmutableArray<string> entrypoint = request.Rootfs.Config?.Entrypoint ?? [];
        ImmutableArray<string> command = request.Command.IsEmpty ? request.Rootfs.Config?.Cmd ?? [] : request.Command;
        ImmutableArray<string> result = request.UseEntrypoint || request.Command.IsEmpty ? entrypoint.AddRange(command) : command;
        return !result.IsEmpty ? result : throw new GridWrapperException(new Failure
        {
            Blame = Blame.Image,
            Phase = Phase.Launch,
            Step = "choose-command",
            PilotErrorCode = PilotError.PayloadExecutionFailure,
            Message = $"nothing to run in {request.Plan.Image.Reference}: the image has neither Entrypoint nor Cmd and no command was given; name one, for instance /bin/sh",
        });
    }
}
