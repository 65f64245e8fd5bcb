using System.CommandLine;
using System.Runtime.InteropServices;
using GridWrapper.Launching;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`gridwrap version`.</summary>
internal static class VersionCommand
{
    internal static Command Create()
    {
        Command command = new("version", "Version, commit, runtime and helper of this file. Example: gridwrap version --json");
        CommandOptions.Add(command, GlobalOptions.Json);
        command.SetAction(parsed =>
        {
            string runtime = RuntimeInformation.FrameworkDescription;
            string helper = InitHelper.Digest;
            Console.Out.WriteLine(CommandOptions.Values(parsed).Flag(GlobalOptions.Json)
                ? new JObject
                {
                    ["version"] = ProductVersion.Number,
                    ["commit"] = ProductVersion.Commit,
                    ["runtime"] = runtime,
                    ["rid"] = RuntimeInformation.RuntimeIdentifier,
                    ["helper"] = helper,
                }.ToString()
                : $"gridwrap {ProductVersion.Number} ({ProductVersion.Commit}), {runtime}, {RuntimeInformation.RuntimeIdentifier}, gridwrap-init {helper}");
            return 0;
        });
        return command;
    }
}
