using GridWrapper.Diagnostics;
using GridWrapper.Running;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`gridwrap run --pull-job` with `--jobs N`, `--lifetime SECONDS`, or jobs that Harvester handed down.</summary>
internal static class PilotCommand
{
    /// <summary>Null for a single job that is asked for.</summary>
    /// <exception cref="GridWrapperException">Not numbers.</exception>
    internal static PilotLimits? Limits(OptionValues given, RunSettings settings)
    {
        string? jobs = given.Text(GlobalOptions.Jobs);
        string? lifetime = given.Text(GlobalOptions.Lifetime);
        List<string> faults = [];
        int count = 0;
        if (jobs is not null && (!int.TryParse(jobs, NumberStyles.None, CultureInfo.InvariantCulture, out count) || count == 0))
        {
            faults.Add($"--jobs {jobs}: a positive number is expected");
        }

        double seconds = 0;
        if (lifetime is not null && !(double.TryParse(lifetime, NumberStyles.Float, CultureInfo.InvariantCulture, out seconds) && seconds is > 0 and < 1e8))
        {
            faults.Add($"--lifetime {lifetime}: a positive number of seconds is expected");
        }

        return faults.Count > 0 ? throw GridWrapperException.BadCommandLine(string.Join("; ", faults))
            : jobs is null && lifetime is null && HarvesterDirectory.Of(settings.Environment)?.HasJobs != true ? null
            : new PilotLimits(jobs is null ? null : count, lifetime is null ? null : TimeSpan.FromSeconds(seconds));
    }

    internal static async Task<int> RunAsync(RunSettings settings, PilotLimits limits)
    {
        Logging.ToJobDirectory(settings.WorkDirectory);
        bool ask = limits is not { Jobs: null, Lifetime: null };
        PilotOutcome outcome = await new PilotRun(settings, limits, TimeProvider.System).RunAsync(ask);
        if (settings.Json)
        {
            await Console.Out.WriteLineAsync(new JArray(outcome.Jobs.Select(ResultDocument.Create)).ToString());
        }

        return outcome.Failure is { } failure ? ErrorReport.Print(failure)
            : outcome.Jobs is [{ } only] ? RunCommand.ExitCode(only, underPilot: false)
            : 0;
    }
}
