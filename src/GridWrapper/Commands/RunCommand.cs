using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Jobs;
using GridWrapper.Launching;
using GridWrapper.Reporting;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>`gridwrap run --job FILE`, `gridwrap run -- JOBPARAMS…`, `gridwrap run --pull-job`, and the bare calling convention of the transform.</summary>
internal static class RunCommand
{
    internal static Command Create()
    {
        Argument<string[]> words = new("JOBPARAMS") { Description = "job parameters as the transform takes them", Arity = ArgumentArity.ZeroOrMore };
        Command command = new("run", "Run a PanDA job and leave its outputs and its account. Example: gridwrap run --job pandaJobData.out --workdir /scratch/job1");
        command.Arguments.Add(words);
        CommandOptions.Add(command, GlobalOptions.All);

        command.SetAction((parsed, ct) =>
        {
            OptionValues given = CommandOptions.Values(parsed);
            RunSettings settings = SettingsReader.Read(given);
            if (given.Flag(GlobalOptions.PullJob) && !settings.DryRun && PilotCommand.Limits(given, settings) is { } limits)
            {
                return PilotCommand.RunAsync(settings, limits);
            }

            JobRun.Source source = new([.. parsed.GetValue(words) ?? []], given.Text(GlobalOptions.Job), given.Flag(GlobalOptions.PullJob));
            return RunAsync(settings, source, ct);
        });
        return command;
    }

    private static async Task<int> RunAsync(RunSettings settings, JobRun.Source source, CancellationToken ct)
    {
        int given = (source.Words.IsEmpty ? 0 : 1) + (source.File is null ? 0 : 1) + (source.Pull ? 1 : 0);
        if (given != 1)
        {
            throw GridWrapperException.BadCommandLine("run takes exactly one of --job FILE, --pull-job, and job parameters. See gridwrap run --help");
        }

        if (settings.DryRun)
        {
            using Composition parts = Composition.Create(settings);
            JobRequest job = await JobRun.ReadAsync(source, settings, ct);
            using SignalForwarding unused = new();
            DryRunOutput.Print(await new JobRunner(parts, job, null, unused).DryRunAsync(ct), settings.Json);
            return 0;
        }

        Logging.ToJobDirectory(settings.WorkDirectory);
        JobOutcome outcome = await new JobRun(settings, TimeProvider.System).RunAsync(source);
        if (settings.Json)
        {
            await Console.Out.WriteLineAsync(ResultDocument.Create(outcome).ToString());
        }

        return ExitCode(outcome, underPilot: settings.Server is null);
    }

    internal static int ExitCode(JobOutcome outcome, bool underPilot)
    {
        if (outcome.Failure is { } failure)
        {
            return ErrorReport.Print(failure);
        }

        RunResult result = outcome.Image!.Result!;
        if (result.ExitCode != 0 && outcome.Sign is { } sign)
        {
            Console.Error.WriteLine($"gridwrap: {ResultDocument.Lower(sign.Blame)}: {ServerAnswer.OneLine(sign.Message)} [step={sign.Step} pilot={sign.PilotErrorCode}]");
        }
        else if (result.ExitCode != 0)
        {
            Console.Error.WriteLine($"gridwrap: user: {ReportMapper.Diagnose(result)} [step=payload pilot={ReportMapper.PilotCode(result, false, null)}]");
        }

        return JobFiles.ExitCode(result.ExitCode, underPilot);
    }
}
