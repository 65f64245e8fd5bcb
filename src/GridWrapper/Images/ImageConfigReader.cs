using GridWrapper.Diagnostics;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Images;

/// <summary>
/// The configuration blob of an image (OCI image-spec, config.md; Docker's is the same in what matters here). Builders leave members out or write null
/// where they have nothing to say, so only what would run a wrong root filesystem or a mangled command is a fault.
/// </summary>
internal static class ImageConfigReader
{
    /// <summary>Bytes; labels and history make a configuration long, but a registry serves it beside manifests of at most this size.</summary>
    internal const int MaxBytes = ManifestReader.MaxBytes;

    /// <exception cref="GridWrapperException">All faults of the configuration.</exception>
    internal static ImageConfig Read(ReadOnlySpan<byte> content, string source)
    {
        var faults = new List<string>();
        try
        {
            JObject root = JsonText.ParseObject(content, MaxBytes, DuplicatePropertyNameHandling.Replace);
            ImageConfig config = Map(root, Digest.Of(content), faults);
            if (faults.Count == 0)
            {
                return config;
            }
        }
        catch (FormatException e)
        {
            faults.Add(e.Message);
        }

        throw new GridWrapperException(new Failure
        {
            Blame = Blame.Image,
            Phase = Phase.Resolve,
            Step = "read-image-config",
            PilotErrorCode = PilotError.ContainerImageMountFailure,
            Message = Quoted.List($"the configuration of {source} cannot be used", faults),
        });
    }

    private static ImageConfig Map(JObject root, Digest digest, List<string> faults)
    {
        JObject run = Object(root, "config", faults) ?? [];
        string variant = Text(root, "variant", faults);
        return new ImageConfig
        {
            Digest = digest,
            Platform = new Platform(
                OrDefault(Text(root, "os", faults), "linux"),
                OrDefault(Text(root, "architecture", faults), "unknown"),
                variant.Length == 0 ? null : variant),
            Entrypoint = Texts(run, "Entrypoint", faults),
            Cmd = Texts(run, "Cmd", faults),
            Env = Texts(run, "Env", faults),
            WorkingDir = Text(run, "WorkingDir", faults),
            User = Text(run, "User", faults),
            StopSignal = Text(run, "StopSignal", faults),
            Volumes = Object(run, "Volumes", faults) is { } volumes ? [.. volumes.Properties().Select(volume => volume.Name)] : [],
            Labels = Labels(run),
            DiffIds = DiffIds(root, faults),
        };
    }

    /// <summary>For people only: what is no text is no fault.</summary>
    private static ImmutableSortedDictionary<string, string> Labels(JObject run) => run["Labels"] is JObject labels
        ? labels.Properties().Where(l => l.Value.Type == JTokenType.String).ToImmutableSortedDictionary(l => l.Name, l => (string)l.Value!, StringComparer.Ordinal)
        : ImmutableSortedDictionary<string, string>.Empty;

    private static ImmutableArray<Digest> DiffIds(JObject root, List<string> faults)
    {
        if (Object(root, "rootfs", faults)?["diff_ids"] is not JArray ids)
        {
            faults.Add("there is no list rootfs.diff_ids, so the layers cannot be verified");
            return [];
        }

        if (ids.Count > ManifestReader.MaxLayers)
        {
            faults.Add($"rootfs.diff_ids has {ids.Count} entries; at most {ManifestReader.MaxLayers} are supported");
            return [];
        }

        ImmutableArray<Digest>.Builder found = ImmutableArray.CreateBuilder<Digest>(ids.Count);
        for (int i = 0; i < ids.Count; i++)
        {
            if (ids[i].Type == JTokenType.String && Digest.TryParse((string?)ids[i], out Digest? id))
            {
                found.Add(id);
            }
            else
            {
                faults.Add($"rootfs.diff_ids[{i}] is {Quoted.Text(ids[i].ToString())}, not sha256: with 64 lower-case hex digits");
            }
        }

        return found.ToImmutable();
    }

    private static JObject? Object(JObject parent, string key, List<string> faults)
    {
        JToken? value = parent[key];
        if (value is not null and not JObject && value.Type != JTokenType.Null)
        {
            faults.Add($"{key} is {DescriptorReader.Name(value)}, not an object");
        }

        return value as JObject;
    }

    private static string Text(JObject parent, string key, List<string> faults) =>
        parent[key] is { Type: not JTokenType.Null } value ? Checked(value, key, faults) : "";

    /// <summary>A list of strings; Docker also knew a single string in its place.</summary>
    private static ImmutableArray<string> Texts(JObject parent, string key, List<string> faults) => parent[key] switch
    {
        null or { Type: JTokenType.Null } => [],
        JArray array => [.. array.Select((value, i) => Checked(value, $"{key}[{i}]", faults))],
        { } single => [Checked(single, key, faults)],
    };

    private static string Checked(JToken value, string place, List<string> faults)
    {
        string? text = value.Type == JTokenType.String ? (string?)value : null;
        if (text is null)
        {
            faults.Add($"{place} is {DescriptorReader.Name(value)}, not a string");
        }
        else if (text.Contains('\0', StringComparison.Ordinal))
        {
            faults.Add($"{place} holds a NUL character: {Quoted.Text(text)}");
        }

        return text ?? "";
    }

    private static string OrDefault(string text, string otherwise) => text.Length == 0 ? otherwise : text;
}
