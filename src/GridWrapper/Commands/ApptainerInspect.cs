using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Probing;
using GridWrapper.Running;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`inspect`: labels, environment and run script of an image, in Apptainer's form. Only the manifest and the configuration are fetched.</summary>
internal static class ApptainerInspect
{
    /// <returns>The exit code.</returns>
    internal static async Task<int> RunAsync(ApptainerWords words, RunSettings caller)
    {
        if (words.Rest is not [{ } image])
        {
            throw GridWrapperException.BadCommandLine("inspect needs IMAGE");
        }

        using Composition parts = Composition.Create(caller);
        ImageReference reference = ImageReferenceParser.Parse(ApptainerFace.Reference(image, caller.WorkDirectory), caller.WorkDirectory);
        Prepared prepared = await parts.Surveyor.PrepareAsync(reference, everything: false, CancellationToken.None);
        ImageConfig? config = prepared.Input.Image.Resolved.IsKnown(out ResolvedImage resolved) ? resolved.Config : null;
        if (config is null && prepared.Input.Image.AtPath.IsKnown(out PathImage tree))
        {
            config = await OfTreeAsync(parts, prepared, tree);
        }

        if (config is null)
        {
            throw new GridWrapperException(prepared.WhyNothing);
        }

        await Console.Out.WriteAsync(words.Has(ApptainerMeaning.Json) ? Json(words, config) : Text(words, config));
        return 0;
    }

    /// <summary>A converted tree tells its variables in scripts and its labels in a file, which is read where that cannot hang.</summary>
    private static async Task<ImageConfig> OfTreeAsync(Composition parts, Prepared prepared, PathImage tree)
    {
        Strategies.Rootfs rootfs = await parts.Look.AtAsync(new Strategies.Rootfs { Strategy = "directory", LowerDirectories = [tree.Path] }, prepared.Input.Host, CancellationToken.None);
        ImageConfig config = rootfs.Inside?.Config ?? new ImageConfig { Platform = new Platform("linux", prepared.Input.Host.Node.Architecture) };
        string labels = tree.Path + "/.singularity.d/labels.json";
        return tree.OnCvmfs || !File.Exists(labels)
            ? config
            : config with { Labels = JObject.Parse(await File.ReadAllTextAsync(labels)).Properties().ToImmutableSortedDictionary(l => l.Name, l => l.Value.ToString(), StringComparer.Ordinal) };
    }

    private static bool WantsLabels(ApptainerWords words) =>
        words.Has(ApptainerMeaning.Labels) || !(words.Has(ApptainerMeaning.EnvironmentOfImage) || words.Has(ApptainerMeaning.Runscript));

    private static string Text(ApptainerWords words, ImageConfig config)
    {
        StringBuilder text = new();
        if (WantsLabels(words))
        {
            foreach ((string name, string value) in config.Labels)
            {
                text.Append(CultureInfo.InvariantCulture, $"{name}: {value}\n");
            }
        }

        if (words.Has(ApptainerMeaning.EnvironmentOfImage))
        {
            text.Append(Exports(config));
        }

        if (words.Has(ApptainerMeaning.Runscript))
        {
            text.Append(CultureInfo.InvariantCulture, $"{Runscript(config)}\n");
        }

        return text.ToString();
    }

    private static string Json(ApptainerWords words, ImageConfig config)
    {
        JObject attributes = [];
        if (WantsLabels(words))
        {
            attributes["labels"] = new JObject(config.Labels.Select(l => new JProperty(l.Key, l.Value)));
        }

        if (words.Has(ApptainerMeaning.EnvironmentOfImage))
        {
            attributes["environment"] = new JObject(new JProperty("/.singularity.d/env/10-docker2singularity.sh", Exports(config)));
        }

        if (words.Has(ApptainerMeaning.Runscript))
        {
            attributes["runscript"] = Runscript(config);
        }

        return new JObject { ["data"] = new JObject { ["attributes"] = attributes }, ["type"] = "container" }.ToString(Formatting.Indented) + "\n";
    }

    private static string Exports(ImageConfig config) => string.Concat(config.Env.Select(e =>
    {
        int equals = e.IndexOf('=', StringComparison.Ordinal);
        return equals < 1 ? "" : $"export {e[..equals]}='{e[(equals + 1)..].Replace("'", "'\\''", StringComparison.Ordinal)}'\n";
    }));

    private static string Runscript(ImageConfig config) => string.Join(' ', config.Entrypoint.Concat(config.Cmd).Select(w => $"'{w.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
}
