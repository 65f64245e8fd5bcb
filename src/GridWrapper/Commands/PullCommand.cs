using System.CommandLine;
using GridWrapper.Planning;
using GridWrapper.Running;
using GridWrapper.Strategies;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`gridwrap pull IMAGE`.</summary>
internal static class PullCommand
{
    internal static Command Create()
    {
        Argument<string> image = new("IMAGE") { Description = "image reference" };
        Command command = new("pull", "Bring an image into the cache without running it. Example: gridwrap pull alpine:3.20");
        command.Arguments.Add(image);
        CommandOptions.Add(command, [.. GlobalOptions.Common, .. GlobalOptions.Planning]);

        command.SetAction(async (parsed, ct) =>
        {
            RunSettings settings = SettingsReader.Read(CommandOptions.Values(parsed));
            using Composition parts = Composition.Create(settings);
            (Prepared prepared, Candidate chosen, Rootfs rootfs) = await FetchedImage.BringAsync(parts, parsed.GetRequiredValue(image), null, ct);
            await Console.Out.WriteLineAsync(settings.Json
                ? new JObject
                {
                    ["image"] = ResultDocument.Image(prepared.Input.Image, rootfs, prepared.Plan),
                    ["directories"] = new JArray(rootfs.Packed is null ? rootfs.Visible : rootfs.Places),
                    ["transfer"] = ResultDocument.Transfer(rootfs.Transfer),
                }.ToString()
                : $"{prepared.Input.Image.Reference}: {chosen.Strategy}, fetched {PlanText.Size(rootfs.Transfer.BytesFetched)} in {rootfs.Transfer.Requests} requests\n{(rootfs.IsServed ? "it will be served, and never unpacked" : string.Join('\n', rootfs.Places))}");
            return 0;
        });
        return command;
    }
}
