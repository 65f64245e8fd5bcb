using GridWrapper.Diagnostics;

namespace GridWrapper.Commands;

/// <summary>The words of a line that opens a container through ATLASLocalRootBase. Pure.</summary>
internal sealed record AlrbWords
{
    /// <summary>-c.</summary>
    public string Image { get; init; } = "";

    /// <summary>-s: a path inside; null for none.</summary>
    public string? Setup { get; init; }

    /// <summary>-r: a path inside or a command; null for none, which means an interactive shell.</summary>
    public string? Run { get; init; }

    /// <summary>-e: options for Apptainer; null where they were not given.</summary>
    public string? Options { get; init; }

    /// <summary>-m: SRC:DST[:ro].</summary>
    public ImmutableArray<string> Mounts { get; init; } = [];

    public bool NoCvmfs { get; init; }

    /// <summary>It runs something in an image that is named as such. A bare nickname (el9, centos7) means one of ATLASLocalRootBase's own images.</summary>
    internal bool IsOurs => Run is not null && (Image.Contains('/', StringComparison.Ordinal) || Image.Contains("://", StringComparison.Ordinal));

    /// <summary>As the rest of gridwrap writes it: a name with a slash and without a scheme is one of a registry.</summary>
    internal string Reference => Image.StartsWith('/') || Image.Contains("://", StringComparison.Ordinal) ? Image : "docker://" + Image;

    /// <summary>Null where the line is not understood.</summary>
    internal static AlrbWords? TryRead(ImmutableArray<string> words)
    {
        AlrbWords result = new();
        for (int i = 0; i < words.Length; i++)
        {
            string? value = i + 1 < words.Length ? words[i + 1] : null;
            switch (words[i])
            {
                case "-c" or "--container" when value is not null:
                    result = result with { Image = value };
                    break;
                case "-s" or "--setupfile" when value is not null:
                    result = result with { Setup = value };
                    break;
                case "-r" or "--runpayload" when value is not null:
                    result = result with { Run = value };
                    break;
                case "-e" or "--containeropts" when value is not null:
                    result = result with { Options = value };
                    break;
                case "-m" or "--mount" when value is not null:
                    result = result with { Mounts = result.Mounts.Add(value) };
                    break;
                // The shell that the line is read by; the hook is for all of them.
                case "--shell" when value is not null:
                    break;
                case "--nocvmfs":
                    result = result with { NoCvmfs = true };
                    continue;

                // The home is never shown, and there is nothing of its own to print or to force here.
                case "--nohome" or "-d" or "-q" or "--quiet" or "-f" or "--force":
                    continue;
                default:
                    return null;
            }

            i++;
        }

        return result;
    }

    /// <exception cref="GridWrapperException">The line is not one for a container of an image.</exception>
    internal static AlrbWords Read(ImmutableArray<string> words) => TryRead(words) is { IsOurs: true } read ? read : throw GridWrapperException.BadCommandLine(
        $"alrb takes -c IMAGE -r RUN [-s SETUP] [-e OPTIONS] [-m SRC:DST] [--shell SHELL] [--nocvmfs] [--nohome] [-d], and not {Quoted.Text(string.Join(' ', words))}");
}
