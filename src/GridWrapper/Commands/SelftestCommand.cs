using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Running;
using GridWrapper.SelfTest;

namespace GridWrapper.Commands;

/// <summary>`gridwrap selftest`.</summary>
internal static class SelftestCommand
{
    internal static Command Create()
    {
        Command command = new("selftest", "Run a miniature PanDA job through every strategy and launcher that this node allows. Example: gridwrap selftest");
        CommandOptions.Add(command, GlobalOptions.Common);

        command.SetAction((parsed, ct) => RunAsync(SettingsReader.Read(CommandOptions.Values(parsed)), ct));
        return command;
    }

    private static async Task<int> RunAsync(RunSettings settings, CancellationToken ct)
    {
        new CacheDirectory(settings.CacheDirectory).Prepare();
        using ScratchDirectory scratch = ScratchDirectory.Create(settings.CacheDirectory);
        ImmutableArray<SelfTestRow> rows = await new SelfTestRun(settings, scratch.Path, line => Tell(settings, line)).RunAsync(ct);
        await Console.Out.WriteLineAsync(settings.Json ? SelfTestTable.ToJson(rows) : "\n" + SelfTestTable.ToText(rows).TrimEnd());
        bool failed = rows.Any(r => r.Result == SelfTestResult.Failed);
        bool none = rows.All(r => r.Result == SelfTestResult.NotPossible);
        if (failed || none)
        {
            await Console.Error.WriteLineAsync(failed
                ? "gridwrap: site: a combination that the plan calls usable does not work here [step=selftest]"
                : "gridwrap: site: nothing works here; see the reasons above [step=selftest]");
        }

        return failed ? ExitCodes.CannotRun : none ? ExitCodes.TryElsewhere : 0;
    }

    private static void Tell(RunSettings settings, string line)
    {
        if (!settings.Json)
        {
            Console.Error.WriteLine(line);
        }
    }
}
