namespace GridWrapper.Linux;

/// <summary>
/// The soft limit of open files (RLIMIT_NOFILE) that this program was started with. The runtime raises it to the hard limit before any of our code runs, and
/// children inherit that: programs that use select(2) or walk through all descriptors suffer. What it was is taken from the parent process, which in
/// nearly all cases has what it gave us.
/// </summary>
internal static class OpenFileLimit
{
    /// <summary>0 when it cannot be told, or when there is none.</summary>
    internal static uint OfCaller() => Parse(TextFile.Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{Libc.GetParentPid()}/limits")) ?? "");

    /// <summary>The soft column of the line "Max open files" of /proc/PID/limits.</summary>
    internal static uint Parse(string limits)
    {
        const string Name = "Max open files";
        int at = limits.IndexOf(Name, StringComparison.Ordinal);
        if (at < 0)
        {
            return 0;
        }

        ReadOnlySpan<char> rest = limits.AsSpan(at + Name.Length).TrimStart(' ');
        int end = 0;
        while (end < rest.Length && char.IsAsciiDigit(rest[end]))
        {
            end++;
        }

        return uint.TryParse(rest[..end], CultureInfo.InvariantCulture, out uint soft) ? soft : 0;
    }
}
