namespace GridWrapper.Running;

/// <summary>What `gridwrap shell IMAGE` runs. Pure.</summary>
internal static class ImageShell
{
    /// <summary>$SHELL of the payload's environment, else bash, else sh. Looked for inside: the image's files may lie where this process must not look.</summary>
    private const string Search =
        """
        if ! [ -x "${SHELL:-}" ]; then
            SHELL=/bin/sh
            IFS=:
            for directory in ${PATH:-/usr/bin:/bin}; do
                if [ -x "$directory/bash" ]; then SHELL=$directory/bash; break; fi
            done
            unset IFS directory
        fi
        export SHELL
        exec "$SHELL"
        """;

    internal static readonly ImmutableArray<string> Command = ["/bin/sh", "-c", Search];

    /// <summary>The prompt tells that this is not the host.</summary>
    internal static RunSettings With(RunSettings settings, string image)
    {
        bool prompted = settings.PayloadEnvironment.Any(v => v.Key == "PS1");
        return settings with
        {
            PayloadEnvironment = prompted ? settings.PayloadEnvironment : [new("PS1", $"[{Name(image)}] $PWD> "), .. settings.PayloadEnvironment],
        };
    }

    /// <summary>The last component, without what a shell would read as a command.</summary>
    private static string Name(string image)
    {
        string last = image.TrimEnd('/') is { Length: > 0 } text ? text[(text.LastIndexOf('/') + 1)..] : image;
        return string.Concat(last.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or ':' ? c : '_'));
    }
}
