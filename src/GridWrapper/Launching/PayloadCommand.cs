using GridWrapper.Diagnostics;
using GridWrapper.Images;

namespace GridWrapper.Launching;

/// <summary>The argv that runs inside, by the rules of the personality. Pure.</summary>
internal static class PayloadCommand
{
    internal const string Runscript = "/.singularity.d/runscript";

    internal const string Shell = "/bin/sh";

    /// <exception cref="GridWrapperException">No command was given and the image has none.</exception>
    internal static ImmutableArray<string> Create(LaunchRequest request)
    {
        ImmutableArray<string> result = PersonalityRules.Effective(request) == Personality.Singularity ? OfSingularity(request) : OfOci(request);
        return !result.IsEmpty && result[0].Length > 0 ? result : throw new GridWrapperException(new Failure
        {
            Blame = Blame.Image,
            Phase = Phase.Launch,
            Step = "choose-command",
            PilotErrorCode = PilotError.PayloadExecutionFailure,
            Message = $"nothing to run in {request.Plan.Image.Reference}: the image has neither Entrypoint nor Cmd and no command was given; name one, for instance /bin/sh",
        });
    }

    /// <summary>Entrypoint and then the command or else Cmd; an entry point of the user's own clears Cmd. Unless OCI's rules were asked for, a command that was given is such an entry point.</summary>
    private static ImmutableArray<string> OfOci(LaunchRequest request)
    {
        ImageConfig? config = PersonalityRules.Config(request);
        if (request.Entrypoint is { } given)
        {
            return given.AddRange(request.Command);
        }

        return request.Personality == Personality.ByCallStyle && !request.Command.IsEmpty
            ? request.Command
            : (config?.Entrypoint ?? []).AddRange(request.Command.IsEmpty ? config?.Cmd ?? [] : request.Command);
    }

    /// <summary>`exec` with a command, `run` without one. An image without a runscript has what a conversion would have written into it.</summary>
    private static ImmutableArray<string> OfSingularity(LaunchRequest request)
    {
        if (!request.Command.IsEmpty && !request.RunsImage)
        {
            return request.Command;
        }

        if (request.Rootfs.Inside is { HasRunscript: true })
        {
            return [Runscript, .. request.Command];
        }

        ImageConfig? config = PersonalityRules.Config(request);
        ImmutableArray<string> own = (config?.Entrypoint ?? []).AddRange(request.Command.IsEmpty ? config?.Cmd ?? [] : request.Command);
        return own.IsEmpty && request.Rootfs.Inside is { HasShell: true } ? [Shell] : own;
    }
}
