using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Probing;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>`gridwrap probe`.</summary>
internal static class ProbeCommand
{
    internal static Command Create()
    {
        Command command = new("probe", "The facts of this node, each found by doing. Example: gridwrap probe --json");
        CommandOptions.Add(command, [.. GlobalOptions.Common, GlobalOptions.WorkDirectory, GlobalOptions.Format]);
        command.SetAction(async (parsed, ct) =>
        {
            OptionValues given = CommandOptions.Values(parsed);
            RunSettings settings = SettingsReader.Read(given);
            string format = given.Text(GlobalOptions.Format) ?? (settings.Json ? "json" : "text");
            if (format is not ("text" or "json" or "classad"))
            {
                throw GridWrapperException.BadCommandLine($"--format {format}: expected one of text, json, classad");
            }

            using Composition parts = Composition.Create(settings);
            HostFacts facts = await parts.Surveyor.ProbeAllAsync(ct);
            await Console.Out.WriteLineAsync(format switch
            {
                "json" => HostFactsReport.Json(facts).ToString(),
                "classad" => string.Join('\n', ClassAdText.Lines(parts, facts)),
                _ => string.Join('\n', HostFactsReport.Lines(facts)),
            });
            return 0;
        });
        return command;
    }
}
