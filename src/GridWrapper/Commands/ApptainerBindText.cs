using GridWrapper.Diagnostics;
using GridWrapper.Launching;

namespace GridWrapper.Commands;

/// <summary>Apptainer's ways of writing what is shown where: --bind, --mount, --home. Pure.</summary>
internal static class ApptainerBindText
{
    /// <summary>SRC[:DST[:ro|rw]][,…]; empty parts are passed over, because pilots write them.</summary>
    internal static IEnumerable<BindMount> Binds(string text, string here)
    {
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] fields = part.Split(':');
            if (fields.Length > 3 || fields[0].Length == 0 || (fields.Length == 3 && fields[2] is not ("ro" or "rw" or "")))
            {
                throw GridWrapperException.BadCommandLine($"--bind {part}: expected SRC[:DST[:ro]], several separated by commas");
            }

            string source = Path.GetFullPath(fields[0], here);
            string target = fields.Length > 1 && fields[1].Length > 0 ? fields[1] : source;
            yield return target.StartsWith('/')
                ? new BindMount(source, target, fields.Length == 3 && fields[2] == "ro", Optional: false)
                : throw GridWrapperException.BadCommandLine($"--bind {part}: the place inside must be an absolute path");
        }
    }

    /// <summary>type=bind,source=…,destination=…[,ro]; fields may stand between double quotes, which are doubled inside.</summary>
    internal static BindMount Mount(string text, string here)
    {
        string? source = null;
        string? target = null;
        bool readOnly = false;
        foreach (string field in Fields(text))
        {
            int equals = field.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? field : field[..equals];
            string value = equals < 0 ? "" : field[(equals + 1)..];
            switch (key)
            {
                case "type" when value == "bind":
                    break;
                case "source" or "src":
                    source = value;
                    break;
                case "destination" or "dst" or "target":
                    target = value;
                    break;
                case "ro" or "readonly":
                    readOnly = true;
                    break;
                default:
                    throw GridWrapperException.BadCommandLine($"--mount {text}: {Quoted.Text(field)} is not understood; expected type=bind,source=SRC,destination=DST[,ro]");
            }
        }

        return source is { Length: > 0 } && target is ['/', ..]
            ? new BindMount(Path.GetFullPath(source, here), target, readOnly, Optional: false)
            : throw GridWrapperException.BadCommandLine($"--mount {text}: expected type=bind,source=SRC,destination=DST[,ro]");
    }

    /// <summary>SRC[:DST].</summary>
    internal static BindMount Home(string text, string here)
    {
        string[] fields = text.Split(':');
        string source = Path.GetFullPath(fields[0], here);
        string target = fields.Length > 1 ? fields[1] : source;
        return fields.Length <= 2 && fields[0].Length > 0 && target.StartsWith('/')
            ? new BindMount(source, target.Length > 1 ? target.TrimEnd('/') : target, ReadOnly: false, Optional: false)
            : throw GridWrapperException.BadCommandLine($"--home {text}: expected SRC[:DST] with an absolute DST");
    }

    private static IEnumerable<string> Fields(string text)
    {
        StringBuilder field = new();
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '"' && quoted && i + 1 < text.Length && text[i + 1] == '"')
            {
                field.Append(text[++i]);
            }
            else if (text[i] == '"')
            {
                quoted = !quoted;
            }
            else if (text[i] == ',' && !quoted)
            {
                yield return field.ToString();
                field.Clear();
            }
            else
            {
                field.Append(text[i]);
            }
        }

        yield return field.ToString();
    }
}
