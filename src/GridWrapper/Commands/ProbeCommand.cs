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
        foreach (Option option in GlobalOptions.Common)
        {
            command.Options.Add(option);
        }

        command.Options.Add(GlobalOptions.WorkDirectory);
        command.SetAction(async (parsed, ct) =>
        {
            RunSettings settings = SettingsReader.Read(parsed);
            using Composition parts = Composition.Create(settings);
            HostFacts facts = await parts.Surveyor.ProbeAllAsync(ct);
            await Console.Out.WriteLineAsync(settings.Json ? HostFactsReport.Json(facts).ToString() : string.Join('\n', HostFactsReport.Lines(facts)));
            return 0;
        });
        return command;
    }
}
