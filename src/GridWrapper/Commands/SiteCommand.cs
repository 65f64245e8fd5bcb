using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Sites;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`gridwrap site list|show|validate`.</summary>
internal static class SiteCommand
{
    internal static Command Create()
    {
        Command site = new("site", "Site profiles. Example: gridwrap site validate /etc/gridwrap/mysite.json");
        site.Subcommands.Add(List());
        site.Subcommands.Add(Show());
        site.Subcommands.Add(Validate());
        return site;
    }

    private static Command List()
    {
        Command command = new("list", "The profiles that are built in. Example: gridwrap site list");
        CommandOptions.Add(command, GlobalOptions.Json);
        command.SetAction(parsed =>
        {
            ImmutableArray<SiteSummary> all = SiteProfiles.List();
            Console.Out.WriteLine(CommandOptions.Values(parsed).Flag(GlobalOptions.Json)
                ? new JArray(all.Select(s => new JObject { ["name"] = s.Name, ["description"] = s.Description })).ToString()
                : string.Join('\n', all.Select(s => $"{s.Name,-18} {s.Description}")));
        });
        return command;
    }

    private static Command Show()
    {
        Argument<string> name = new("NAME|FILE") { Description = "a built-in profile or a file", DefaultValueFactory = _ => SiteProfiles.DefaultName };
        Command command = new("show", "A profile as it is in force, defaults filled in. Example: gridwrap site show wlcg-cvmfs");
        CommandOptions.Add(command, GlobalOptions.Json);
        command.Arguments.Add(name);
        command.SetAction(parsed => Console.Out.WriteLine(SiteProfileWriter.Write(SiteProfiles.Load(parsed.GetRequiredValue(name)))));
        return command;
    }

    private static Command Validate()
    {
        Argument<string[]> files = new("FILE") { Description = "profiles to check", Arity = ArgumentArity.OneOrMore };
        Command command = new("validate", "Checks profiles and prints every fault. Example: gridwrap site validate mysite.json");
        command.Arguments.Add(files);
        command.SetAction(parsed =>
        {
            ImmutableArray<string> faults = [.. parsed.GetRequiredValue(files).SelectMany(f => SiteProfiles.Validate(f))];
            foreach (string fault in faults)
            {
                Console.Error.WriteLine(fault);
            }

            Console.Out.WriteLine(faults.IsEmpty ? "valid" : string.Create(CultureInfo.InvariantCulture, $"{faults.Length} faults"));
            return faults.IsEmpty ? 0 : ExitCodes.Usage;
        });
        return command;
    }
}
