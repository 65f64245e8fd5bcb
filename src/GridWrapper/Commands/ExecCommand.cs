using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>`gridwrap exec IMAGE [--] CMD…` and `gridwrap shell IMAGE`.</summary>
internal static class ExecCommand
{
    internal static Command Create(string name)
    {
        Argument<string> image = new("IMAGE") { Description = "docker://HOST/PATH[:TAG][@DIGEST], oci:DIR, oci-archive:FILE, docker-archive:FILE, a directory" };
        Argument<string[]> words = new("CMD") { Description = "command and its arguments", Arity = ArgumentArity.ZeroOrMore };
        Command command = new(name, name == "exec"
            ? "Run a command in an image. Example: gridwrap exec alpine:3.20 -- cat /etc/os-release"
            : "Open a shell in an image: $SHELL of the payload's environment, else bash, else sh. Example: gridwrap shell alpine:3.20");
        command.Arguments.Add(image);
        if (name == "exec")
        {
            command.Arguments.Add(words);
        }

        CommandOptions.Add(command, GlobalOptions.OfExec);

        command.SetAction((parsed, ct) =>
        {
            RunSettings settings = SettingsReader.Read(CommandOptions.Values(parsed));
            string given = parsed.GetRequiredValue(image);
            return name == "shell"
                ? RunAsync(ImageShell.With(settings, given), given, ImageShell.Command, ct)
                : RunAsync(settings, given, [.. parsed.GetValue(words) ?? []], ct);
        });
        return command;
    }

    /// <summary>A command line that the quick reader understood.</summary>
    internal static Task<int> RunAsync(ExecWords words) => RunAsync(SettingsReader.Read(words.Options), words.Image, words.Command, CancellationToken.None);

    internal static async Task<int> RunAsync(RunSettings settings, string image, ImmutableArray<string> words, CancellationToken ct)
    {
        Composition? parts = null;
        using DeferredDisposal disposal = new(() => parts?.Dispose());
        ExecRun run = new(() => parts ??= Composition.Create(settings), settings);
        if (settings.DryRun)
        {
            DryRunOutput.Print(await run.DryRunAsync(image, words, ct), settings.Json);
            return 0;
        }

        using SignalForwarding signals = new();
        ImageOutcome outcome = await run.RunAsync(image, words, signals.Stop, signals.Cancelled);
        if (settings.AsApptainer is not null && outcome.Result?.ExecErrno == "ENOEXEC" && words is [{ } program, ..] && program.Contains('/', StringComparison.Ordinal))
        {
            // Apptainer starts commands from a shell, which reads an executable text without "#!" itself; PanDA's transform writes such.
            outcome = await run.RunAsync(image, [PayloadCommand.Shell, .. words], signals.Stop, signals.Cancelled);
        }

        return outcome switch
        {
            { Failure: { } failure } => settings.AsApptainer is null ? ErrorReport.Print(failure) : ErrorReport.PrintFatal(failure),
            { Result: { } result } => Ended(result, words.IsEmpty ? "the image's own command" : Quoted.Text(words[0])),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private static int Ended(RunResult result, string command)
    {
        if (result.StuckProcess is { } stuck)
        {
            Console.Error.WriteLine($"gridwrap: process {stuck} did not end after KILL: it hangs in the kernel, mostly on a dead file system, and is left behind");
        }

        if (result.StopReason == StopReason.Timeout)
        {
            Console.Error.WriteLine("gridwrap: user: the payload was ended because its time limit passed [step=timeout pilot=1213]");
        }

        if (result.Breach is not null && LimitFailure.Of(result, null) is { } failure)
        {
            return ErrorReport.Print(failure);
        }

        if (result.ExecErrno is { } errno)
        {
            string why = errno switch
            {
                "ENOENT" => "it is not there, or its interpreter is not",
                "EACCES" => "it is not a file that may be executed",
                "ENOEXEC" => "it is no program of this machine's kind",
                _ => "the kernel refused it",
            };
            Console.Error.WriteLine($"gridwrap: image: {command} could not be executed in the image: {why} [step=exec errno={errno} pilot={PilotError.PayloadExecutionFailure}]");
        }

        return result.ExitCode;
    }

    /// <summary>The parts are made only where the full way is gone.</summary>
    private sealed class DeferredDisposal(Action dispose) : IDisposable
    {
        public void Dispose() => dispose();
    }
}
