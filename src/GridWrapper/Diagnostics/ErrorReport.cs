namespace GridWrapper.Diagnostics;

/// <summary>The end of stderr on a failure: the phrase that the PanDA pilot classifies by, where it has one, then one line of ours.</summary>
internal static class ErrorReport
{
    /// <summary>A signal ended gridwrap before there was anything to end.</summary>
    /// <param name="signal">Its number; TERM where it is not known.</param>
    internal static Failure InterruptedBy(int? signal) => new()
    {
        Blame = Blame.Site,
        Phase = Phase.Job,
        Step = "interrupted",
        PilotErrorCode = signal == 2 ? PilotError.SigInt : PilotError.SigTerm,
        Message = "a signal ended the run before the payload started",
        Retryable = true,
        ExitCode = ExitCodes.SignalBase + (signal ?? 15),
    };

    internal static Failure Defect(Exception e) => new()
    {
        Blame = Blame.GridWrap,
        Phase = Phase.Job,
        Step = "unexpected",
        PilotErrorCode = PilotError.PayloadExecutionException,
        Message = $"{e.GetType().Name}: {e.Message}. This is a defect of gridwrap: please report it with the lines above",
    };

    /// <summary>A defect is told with the place where it happened.</summary>
    /// <returns>The exit code.</returns>
    internal static int PrintDefect(Exception e)
    {
        Console.Error.WriteLine(e.StackTrace);
        return Print(Defect(e));
    }

    /// <returns>The exit code of the failure.</returns>
    internal static int Print(Failure failure)
    {
        TextWriter stderr = Console.Error;
        if (Phrase(failure.PilotErrorCode) is { } phrase)
        {
            stderr.WriteLine(phrase);
        }

        stderr.WriteLine(Line(failure));
        return failure.ExitCode;
    }

    /// <summary>The same behind the line by which Apptainer's callers know a failure that is not the payload's.</summary>
    /// <returns>The exit code of the failure.</returns>
    internal static int PrintFatal(Failure failure)
    {
        Console.Error.WriteLine($"FATAL:   {OneLine(failure.Message)}");
        return Print(failure);
    }

    /// <summary>gridwrap: &lt;blame&gt;: &lt;message&gt; [step=… errno=… pilot=…], in one line however many faults the message lists.</summary>
    internal static string Line(Failure failure)
    {
        string errno = failure.Errno is null ? "" : $" errno={failure.Errno}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"gridwrap: {failure.Blame.ToString().ToLowerInvariant()}: {OneLine(failure.Message)} [step={failure.Step}{errno} pilot={failure.PilotErrorCode}]");
    }

    /// <summary>A list of faults ("head:" and a line for each) with semicolons instead of line ends.</summary>
    private static string OneLine(string message)
    {
        string[] lines = [.. message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(l => l.StartsWith("- ", StringComparison.Ordinal) ? l[2..] : l)];
        return lines is [{ } head, _, ..] && head.EndsWith(':') ? $"{head} {string.Join("; ", lines[1..])}" : string.Join("; ", lines);
    }

    /// <summary>What pilot3 looks for in a transform's stderr (its error map); null where it has no phrase.</summary>
    private static string? Phrase(int pilotErrorCode) => pilotErrorCode switch
    {
        PilotError.UserNamespaceFailed => "Failed to create user namespace",
        PilotError.ContainerBindFailure => "Not mounting requested bind point",
        PilotError.ContainerImageMountFailure => "Failed to mount image",
        PilotError.NoLoopDevices => "No more available loop devices",
        PilotError.SingularityNotInstalled => "Singularity is not installed",
        PilotError.ApptainerNotInstalled => "Apptainer is not installed",
        PilotError.NoLocalSpace => "No space left on device",
        _ => null,
    };
}
