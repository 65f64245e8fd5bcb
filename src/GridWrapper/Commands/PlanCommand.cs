using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Running;
using GridWrapper.Serving;
using GridWrapper.Staging;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`gridwrap plan IMAGE` or `--job FILE`.</summary>
internal static class PlanCommand
{
    internal static Command Create()
    {
        Argument<string?> image = new("IMAGE") { Description = "image reference", Arity = ArgumentArity.ZeroOrOne };
        Command command = new("plan", "Every strategy and launcher with verdict, predicted cost and reason. Example: gridwrap plan alpine:3.20. With --personality also what the image runs by each of the rules: gridwrap plan alpine:3.20 --personality oci");
        command.Arguments.Add(image);
        CommandOptions.Add(command, [GlobalOptions.Job, GlobalOptions.StageIn, GlobalOptions.StageOut, .. GlobalOptions.Common, .. GlobalOptions.Planning, GlobalOptions.Personality, GlobalOptions.Entrypoint, GlobalOptions.ImageHome, GlobalOptions.Env, GlobalOptions.Gpu, GlobalOptions.Trace]);

        command.SetAction(async (parsed, ct) =>
        {
            OptionValues given = CommandOptions.Values(parsed);
            RunSettings settings = SettingsReader.Read(given);
            JobRequest? job = await JobAsync(parsed.GetValue(image), given.Text(GlobalOptions.Job), settings, ct);
            ImageReference reference = job?.Image ?? ImageReferenceParser.Parse(parsed.GetValue(image)!, settings.WorkDirectory);
            StoragePlan? storage = job is null ? null : JobRunner.Storage(settings, job, new JobPayload(settings, job).MissingInputs);
            using Composition parts = Composition.Create(settings);
            Prepared prepared = await parts.Surveyor.PrepareAsync(reference, everything: true, ct);
            if (given.Flag(GlobalOptions.Trace))
            {
                return await PrintTraceAsync(prepared, settings.Json);
            }

            ImmutableArray<PersonalityView> views = given.Text(GlobalOptions.Personality) is null ? [] : await ViewsAsync(parts, prepared, ct);
            ImmutableArray<Finding> findings = await parts.Preflight.OfPlanAsync(prepared, parts.PredictRootfs(prepared), ct);
            await Console.Out.WriteLineAsync(settings.Json ? Json(prepared, views, findings, storage) : Text(prepared, views, findings, storage));
            return prepared.Plan.Chosen is null
                ? ErrorReport.Print(prepared.WhyNothing)
                : 0;
        });
        return command;
    }

    private static async Task<int> PrintTraceAsync(Prepared prepared, bool json)
    {
        if (!prepared.Input.Image.Resolved.IsKnown(out ResolvedImage image))
        {
            return ErrorReport.Print(prepared.Input.Image.ResolveFailure ?? GridWrapperException.BadInput("trace", $"{prepared.Input.Image.Reference} is served from no layers, so nothing was traced in it").Failure);
        }

        Digest config = image.Config.Digest ?? image.Manifest.Config.Digest;
        ImmutableArray<string> files = AccessTrace.Read(new CacheDirectory(prepared.Input.CacheDirectory), config);
        if (files.IsEmpty)
        {
            await Console.Error.WriteLineAsync($"gridwrap: no payload was traced in {prepared.Input.Image.Reference} on this node: that happens where an image is served (--strategy packed or lazy)");
        }

        await Console.Out.WriteAsync(json
            ? new JObject { ["image"] = prepared.Input.Image.Reference.ToString(), ["configDigest"] = config.ToString(), ["files"] = new JArray(files) }.ToString() + "\n"
            : string.Concat(files.Select(f => f + "\n")));
        return 0;
    }

    private static async Task<ImmutableArray<PersonalityView>> ViewsAsync(Composition parts, Prepared prepared, CancellationToken ct) =>
        await parts.PredictRequestAsync(
            prepared,
            rootfs => LaunchComposer.WithVariables(LaunchComposer.Compose(parts.Settings, prepared.Input, rootfs, ScratchDirectory.Name(parts.Settings.CacheDirectory)), parts.Settings, []),
            ct) is { } request ? PersonalityView.All(request) : [];

    private static string Json(Prepared prepared, ImmutableArray<PersonalityView> views, ImmutableArray<Finding> findings, StoragePlan? storage)
    {
        JObject document = DryRunDocument.Plan(prepared, findings);
        if (!views.IsEmpty)
        {
            document["personalities"] = PersonalityText.Json(views);
        }

        if (storage is not null)
        {
            document["storage"] = DryRunDocument.Storage(storage);
        }

        return document.ToString();
    }

    private static string Text(Prepared prepared, ImmutableArray<PersonalityView> views, ImmutableArray<Finding> findings, StoragePlan? storage)
    {
        string preflight = string.Concat(findings.Select(f => $"\npreflight: {f.Check}: {f.State}: {f.Detail}"));
        string files = storage is null ? "" : DryRunOutput.StorageText(storage);
        string plan = $"{prepared.Input.Image.Reference}\n{files}{PlanText.Format(prepared.Plan).TrimEnd()}{preflight}";
        return views.IsEmpty ? plan : $"{plan}\n\n{PersonalityText.Format(views).TrimEnd()}";
    }

    /// <returns>Null where the line names an image.</returns>
    private static async Task<JobRequest?> JobAsync(string? image, string? jobFile, RunSettings settings, CancellationToken ct)
    {
        if ((image is null) == (jobFile is null))
        {
            throw GridWrapperException.BadCommandLine("plan takes an IMAGE or --job FILE. See gridwrap plan --help");
        }

        return jobFile is null ? null : (await JobSource.ReadAsync(jobFile, settings, ct)).RequestOrThrow();
    }
}
