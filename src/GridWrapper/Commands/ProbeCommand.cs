using System.CommandLine;
using GridWrapper.Probing;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>`gridwrap probe`.</summary>
internal static class ProbeCommand
{
    internal static Command Create()
    {
        Command command = new("probe", "The facts of this node, each found by doing. Example: gridwrap probe --json");
        CommandOptions.Add(command, [.. GlobalOptions.Common, GlobalOptions.WorkDirectory]);
        command.SetAction(async (parsed, ct) =>
        {
            RunSettings settings = SettingsReader.Read(CommandOptions.Values(parsed));
            using Composition parts = Composition.Create(settings);
            HostFacts facts = await parts.Surveyor.ProbeAllAsync(ct);
            await Console.Out.WriteLineAsync(settings.Json ? HostFactsReport.Json(facts).ToString() : string.Join('\n', HostFactsReport.Lines(facts)));
            return 0;
        });
        return command;
    }
}
