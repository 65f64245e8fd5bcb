using GridWrapper.Diagnostics;

namespace GridWrapper.Launching;

/// <summary>
/// Reads from the runtime's exit code and stderr whether the payload was started, and what went wrong if not. Apptainer ends with 255 for its own failures, as
/// a payload may, too; so it counts as the runtime's own only where stderr holds nothing but the runtime's messages, the last being fatal. A payload that
/// itself calls Apptainer, says nothing and ends with that one's failure cannot be told from this. Pure.
/// </summary>
internal static class ApptainerMessages
{
    private static readonly ImmutableArray<string> Levels = ["INFO", "WARNING", "ERROR", "FATAL", "VERBOSE", "DEBUG"];

    private static readonly ImmutableArray<Rule> Rules =
    [
        new("loop-device", PilotError.NoLoopDevices, "all loop devices of the node are in use: raise `max loop devices` in its configuration, or allow user namespaces, where images are mounted without them", ["loop device"]),
        new("resources", PilotError.ContainerResourceUnavailable, "a limit of the user is used up: processes (ulimit -u, pids.max of the slot) or namespaces (sysctl user.max_*_namespaces)", ["resource temporarily unavailable"]),
        new("create-user-namespace", PilotError.NewUserNamespace, "the program refuses to make a user namespace: see whether it is installed setuid, and `gridwrap probe`", ["NEWUSER namespace"]),
        new("create-user-namespace", PilotError.UserNamespaceFailed, "allow unprivileged user namespaces on the node (`gridwrap doctor` names the setting)",
            ["user namespace", "user_namespaces", "unprivileged_userns_clone"]),
        new("initial-directory", PilotError.PayloadExecutionFailure, "name a directory that the image or a bind has", ["failed to set working directory"]) { Blame = Blame.User },
        new("open-tree", PilotError.ContainerImageMountFailure, "look at the directory of the root filesystem", ["could not open image", "image format not recognized", "while mounting image", "failed to mount image", "sandbox directory"]),
        new("bind", PilotError.ContainerBindFailure, "check that the source exists, and that source and target are both directories or both files",
            ["mount source", "requested bind point", "to mount list", "mount hook function failure", "while mounting", "user bind control"]),
        new("options", PilotError.ContainerGeneralFailure, "check apptainer.options of the site profile", ["unknown flag", "unknown shorthand flag", "invalid argument \"", "flag needs an argument"]),
    ];

    private static readonly ImmutableArray<(string Text, string Errno)> Errnos =
    [
        ("operation not permitted", "EPERM"), ("no such file or directory", "ENOENT"), ("doesn't exist", "ENOENT"), ("permission denied", "EACCES"),
        ("no space left on device", "ENOSPC"), ("resource temporarily unavailable", "EAGAIN"), ("not a directory", "ENOTDIR"), ("input/output error", "EIO"),
        ("transport endpoint is not connected", "ENOTCONN"), ("read-only file system", "EROFS"), ("too many levels of symbolic links", "ELOOP"), ("invalid argument", "EINVAL"),
        ("exec format error", "ENOEXEC"), ("argument list too long", "E2BIG"),
    ];

    /// <param name="exitCode">Of the runtime.</param>
    /// <param name="stderr">All that came on stderr.</param>
    internal static ApptainerEnd Read(int exitCode, string stderr)
    {
        if (Fatal(exitCode, stderr) is not { } fatal)
        {
            return new ApptainerEnd.Payload();
        }

        return ExecErrno(fatal) is { } errno
            ? new ApptainerEnd.NotExecuted(errno == "ENOENT" ? ExitCodes.NotFound : ExitCodes.NotExecutable, errno)
            : Failed(fatal);
    }

    /// <summary>The text of the runtime's fatal message, null where the payload may have run.</summary>
    private static string? Fatal(int exitCode, string stderr)
    {
        // The program in C that makes the namespaces ends with 1 and says "ERROR  : "; the others end with 255 and say "FATAL:   ". Wrong options: 1 and help.
        string text = WithoutColours(stderr);
        if (exitCode == 1 && text.StartsWith("Error for command \"exec\": ", StringComparison.Ordinal))
        {
            return text.Split('\n')[0]["Error for command \"exec\": ".Length..];
        }

        string mark = exitCode switch { 255 => "FATAL:   ", 1 => "ERROR  : ", _ => "\0" };
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        int first = Array.FindIndex(lines, l => l.StartsWith(mark, StringComparison.Ordinal));
        return first >= 0 && lines.Take(first).All(IsRuntimes) ? string.Join(' ', lines.Skip(first))[mark.Length..] : null;
    }

    private static bool IsRuntimes(string line)
    {
        int colon = line.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && Levels.Contains(line[..colon].TrimEnd());
    }

    /// <summary>The errno of a failed execve of the payload's program; null for any other failure. Some of the messages are an error's text and nothing else.</summary>
    private static string? ExecErrno(string fatal)
    {
        if (fatal is "permission denied" or "is a directory")
        {
            return "EACCES";
        }

        if (fatal.EndsWith("executable file not found in $PATH", StringComparison.Ordinal))
        {
            return "ENOENT";
        }

        if (fatal.StartsWith("image targets ", StringComparison.Ordinal))
        {
            return "ENOEXEC";
        }

        if (!fatal.StartsWith("stat /", StringComparison.Ordinal) && !fatal.StartsWith("exec ", StringComparison.Ordinal))
        {
            return null;
        }

        return fatal.Contains("shared library is likely missing", StringComparison.Ordinal) ? "ENOENT" : Errno(fatal);
    }

    private static ApptainerEnd.Failed Failed(string fatal)
    {
        Rule rule = Rules.FirstOrDefault(r => r.Texts.Any(t => fatal.Contains(t, StringComparison.OrdinalIgnoreCase)))
            ?? new Rule("start", PilotError.ContainerGeneralFailure, "try the same by hand with the command line that --dry-run prints", []);
        return new ApptainerEnd.Failed(rule.Step, rule.PilotErrorCode, rule.Blame, Errno(fatal), fatal, rule.Advice);
    }

    private static string? Errno(string fatal) =>
        Errnos.Select(e => (e.Errno, At: fatal.LastIndexOf(e.Text, StringComparison.OrdinalIgnoreCase))).Where(e => e.At >= 0).OrderBy(e => e.At).LastOrDefault().Errno;

    /// <summary>ESC [ … m, which the program in C writes even where stderr is no terminal.</summary>
    private static string WithoutColours(string text)
    {
        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            int end = text[i] == '\e' && i + 1 < text.Length && text[i + 1] == '[' ? text.IndexOf('m', i) : -1;
            if (end < 0)
            {
                result.Append(text[i]);
            }
            else
            {
                i = end;
            }
        }

        return result.ToString();
    }

    private sealed record Rule(string Step, int PilotErrorCode, string Advice, ImmutableArray<string> Texts)
    {
        public Blame Blame { get; init; } = Blame.Site;
    }
}
