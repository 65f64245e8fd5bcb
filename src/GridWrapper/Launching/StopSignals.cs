using GridWrapper.Linux;

namespace GridWrapper.Launching;

/// <summary>The signal by which an image wants to be asked to end (StopSignal of its configuration). Pure.</summary>
internal static class StopSignals
{
    private const int FirstRealTime = 34, LastRealTime = 64;

    /// <summary>gridwrap-init understands it as "kill all".</summary>
    private const int Reserved = 40;

    private static readonly ImmutableArray<string> Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
        "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>"SIGQUIT", "quit", "3", "SIGRTMIN+3"; TERM for nothing, for what is no signal, and for those that stop or that no process can handle, KILL apart.</summary>
    internal static int Parse(string text)
    {
        string name = text.Trim().ToUpperInvariant();
        name = name.StartsWith("SIG", StringComparison.Ordinal) ? name[3..] : name;
        int number = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given
            : name.StartsWith("RTMIN", StringComparison.Ordinal) ? FirstRealTime + Distance(name[5..])
            : name.StartsWith("RTMAX", StringComparison.Ordinal) ? LastRealTime + Distance(name[5..])
            : name.Length > 0 ? Names.IndexOf(name) : Libc.SIGTERM;
        return number is >= 1 and <= LastRealTime and not (19 or 20 or 21 or 22 or 32 or 33 or Reserved) ? number : Libc.SIGTERM;
    }

    /// <summary>"", "+3" or "-1"; what is none of these leads out of range.</summary>
    private static int Distance(string text) =>
        text.Length == 0 ? 0 : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int distance) && Math.Abs(distance) <= LastRealTime ? distance : -LastRealTime * 2;
}
