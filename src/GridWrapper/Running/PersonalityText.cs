using System.Collections.Frozen;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>The personalities side by side, with the reason of each difference: for people, and as JSON. Pure.</summary>
internal static class PersonalityText
{
    private static readonly FrozenDictionary<string, string> Reasons = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["no command"] = "OCI: Entrypoint, then Cmd. Singularity: the runscript.",
        ["command CMD"] = "OCI puts the Entrypoint before it; Singularity's exec does not. Nobody said: the command runs alone, as after docker run --entrypoint.",
        ["directory"] = "OCI: WorkingDir or /. Singularity: where it was called.",
        ["home"] = "The job directory, or the image's own with --image-home.",
        ["user"] = "One uid is there, yours, whoever the image's User is.",
        ["scripts"] = "A tree without an OCI configuration says its variables by scripts, which the image's /bin/sh reads inside.",
        ["volumes"] = "OCI: writable, empty, private to the run. Singularity does not know them.",
        ["stop signal"] = "OCI: StopSignal. Singularity: TERM.",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    internal static string Format(ImmutableArray<PersonalityView> views)
    {
        StringBuilder text = new();
        Row("no command", v => Words(v.WithoutCommand));
        Row("command CMD", v => Words(v.WithCommand));
        Row("directory", v => v.Directory);
        Row("home", v => v.Home);
        Row("user", v => v.User);
        Row("scripts", v => string.Join(' ', v.Scripts));
        Row("volumes", v => string.Join(' ', v.Volumes));
        Row("stop signal", v => v.StopSignal.ToString(CultureInfo.InvariantCulture));
        foreach (string name in Differing(views))
        {
            Row("variable " + name, v => v.Environment.TryGetValue(name, out string? value) ? value.ReplaceLineEndings("\\n") : "(not set)");
        }

        foreach (string note in views.SelectMany(v => v.Notes).Distinct(StringComparer.Ordinal))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"note: {note}");
        }

        return text.ToString();

        void Row(string what, Func<PersonalityView, string> value)
        {
            bool same = views.Select(value).Distinct(StringComparer.Ordinal).Count() == 1;
            text.AppendLine(CultureInfo.InvariantCulture, $"{what}{(same ? "" : Reasons.TryGetValue(what, out string? reason) ? $"   ({reason})" : "")}");
            foreach (PersonalityView view in same ? views[..1] : views)
            {
                string shown = value(view);
                text.AppendLine(CultureInfo.InvariantCulture, $"  {(view.InForce && !same ? "->" : "  ")} {(same ? "all" : view.Name),-14} {(shown.Length == 0 ? "-" : shown)}");
            }
        }
    }

    internal static JArray Json(ImmutableArray<PersonalityView> views) =>
    [
        .. views.Select(v => new JObject
        {
            ["name"] = v.Name.Replace(' ', '-'),
            ["inForce"] = v.InForce,
            ["argvWithoutCommand"] = new JArray(v.WithoutCommand),
            ["argvWithCommand"] = new JArray(v.WithCommand),
            ["cwd"] = v.Directory,
            ["home"] = v.Home,
            ["user"] = v.User,
            ["env"] = new JObject(v.Environment.Select(e => new JProperty(e.Key, e.Value))),
            ["scripts"] = new JArray(v.Scripts),
            ["volumes"] = new JArray(v.Volumes),
            ["stopSignal"] = v.StopSignal,
            ["notes"] = new JArray(v.Notes),
        }),
    ];

    private static IEnumerable<string> Differing(ImmutableArray<PersonalityView> views) =>
        views.SelectMany(v => v.Environment.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Where(n => n != "HOME" && views.Select(v => v.Environment.GetValueOrDefault(n)).Distinct(StringComparer.Ordinal).Count() > 1);

    private static string Words(ImmutableArray<string> argv) => string.Join(' ', argv.Select(w => w.Length > 0 && w.All(c => char.IsAsciiLetterOrDigit(c) || "_-./:=@%+,".Contains(c, StringComparison.Ordinal)) ? w : $"'{w.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
}
