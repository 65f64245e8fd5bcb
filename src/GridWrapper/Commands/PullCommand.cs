using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
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
            Prepared prepared = await parts.Surveyor.PrepareAsync(ImageReferenceParser.Parse(parsed.GetRequiredValue(image), settings.WorkDirectory), everything: false, ct);
            if (parts.OnDisk(prepared.Plan) is not { } chosen)
            {
                return ErrorReport.Print(prepared.Input.Image.Barred ?? prepared.Input.Image.ResolveFailure ?? Planner.Explain(prepared.Plan, prepared.Input));
            }

            new CacheDirectory(settings.CacheDirectory).Prepare();
            Rootfs rootfs = await parts.Progress.ShowAsync(
                chosen.Cost.Bytes,
                () => parts.Strategy(chosen).MaterialiseAsync(prepared.Input, parts.Launcher(chosen.Launcher).FormOn(prepared.Input.Host), ct),
                ct);
            await Console.Out.WriteLineAsync(settings.Json
                ? new JObject
                {
                    ["image"] = ResultDocument.Image(prepared.Input.Image, rootfs, prepared.Plan),
                    ["directories"] = new JArray(rootfs.LowerDirectories),
                    ["transfer"] = ResultDocument.Transfer(rootfs.Transfer),
                }.ToString()
                : $"{prepared.Input.Image.Reference}: {chosen.Strategy}, fetched {PlanText.Size(rootfs.Transfer.BytesFetched)} in {rootfs.Transfer.Requests} requests\n{string.Join('\n', rootfs.LowerDirectories)}");
            return 0;
        });
        return command;
    }
}
