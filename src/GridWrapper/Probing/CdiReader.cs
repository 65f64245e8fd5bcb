using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Probing;

/// <summary>Reads CDI specifications: JSON, and YAML as nvidia-ctk writes it. Pure but for the listing of the directories.</summary>
internal static class CdiReader
{
    private const int MaxBytes = 4 << 20;

    /// <summary>In the order of precedence: what is generated at boot beats what an administrator wrote once.</summary>
    private static readonly string[] Directories = ["var/run/cdi", "run/cdi", "etc/cdi"];

    /// <summary>The first specification of the vendor that can be read; what cannot be read is noted.</summary>
    internal static CdiSpec? Find(string root, string vendorClass, List<string> notes)
    {
        foreach (string directory in Directories.Select(d => Path.Combine(root, d)).Where(Directory.Exists))
        {
            foreach (string file in Directory.EnumerateFiles(directory).Where(f => Path.GetExtension(f) is ".json" or ".yaml" or ".yml").Order(StringComparer.Ordinal))
            {
                try
                {
                    if (new FileInfo(file).Length <= MaxBytes && Read(File.ReadAllText(file), file) is { } spec && spec.Kind == vendorClass)
                    {
                        return spec;
                    }
                }
                catch (Exception e) when (e is FormatException or JsonException or IOException or UnauthorizedAccessException)
                {
                    notes.Add($"the CDI specification {file} was not used: {e.Message}");
                }
            }
        }

        return null;
    }

    /// <exception cref="FormatException">It is not a specification.</exception>
    internal static CdiSpec Read(string text, string file)
    {
        JToken root = text.AsSpan().TrimStart().StartsWith("{") ? JToken.Parse(text) : SimpleYaml.Parse(text);
        if (root is not JObject spec || (string?)spec["kind"] is not { } kind || (string?)spec["cdiVersion"] is not { } version)
        {
            throw new FormatException("it has no kind or no cdiVersion");
        }

        if (!version.StartsWith("0.", StringComparison.Ordinal) && !version.StartsWith("1.", StringComparison.Ordinal))
        {
            throw new FormatException($"its version {version} is not known");
        }

        return new CdiSpec(file, kind, Edits(spec["containerEdits"]), [.. Objects(spec["devices"]).Select(d => new CdiDevice(Text(d, "name"), Edits(d["containerEdits"])))]);
    }

    private static CdiEdits Edits(JToken? edits) => new()
    {
        Env = Texts(edits?["env"]),
        DeviceNodes = [.. Objects(edits?["deviceNodes"]).Select(d => (d["hostPath"] is { } host && ((string?)host)?.Length > 0 ? (string)host! : Text(d, "path"), Text(d, "path")))],
        Mounts = [.. Objects(edits?["mounts"]).Select(m => new CdiMount(Text(m, "hostPath"), Text(m, "containerPath"), !Texts(m["options"]).Contains("rw")))],
        Hooks = [.. Objects(edits?["hooks"]).Select(Hook)],
    };

    /// <summary>The name is the word of the hook program's arguments that says what it does: nvidia-cdi-hook create-symlinks …, nvidia-ctk hook create-symlinks ….</summary>
    private static CdiHook Hook(JObject hook)
    {
        ImmutableArray<string> arguments = Texts(hook["args"]);
        int at = arguments.Length > 1 && arguments[1] == "hook" ? 2 : 1;
        return at < arguments.Length ? new CdiHook(arguments[at], arguments[(at + 1)..]) : new CdiHook(Text(hook, "path"), []);
    }

    private static IEnumerable<JObject> Objects(JToken? token) => token is JArray array ? array.OfType<JObject>() : [];

    private static ImmutableArray<string> Texts(JToken? token) => token is JArray array ? [.. array.Select(t => t is JValue ? (string?)t ?? "" : throw new FormatException("a list of texts holds something else"))] : [];

    private static string Text(JObject from, string key) =>
        from[key] is JValue { Value: not null } value ? value.ToString(CultureInfo.InvariantCulture) : throw new FormatException($"an entry has no {key}");
}
