namespace GridWrapper.Watching;

/// <summary>What /proc/PID/stat tells of one process (proc_pid_stat(5)); what it has waited for is counted in.</summary>
internal readonly record struct ProcessFigures
{
    public int ParentPid { get; init; }

    public bool IsZombie { get; init; }

    public long UserTicks { get; init; }

    public long SystemTicks { get; init; }

    public int Threads { get; init; }

    public long VirtualBytes { get; init; }

    public long ResidentPages { get; init; }

    /// <summary>A hash of the name, enough to tell a program from another.</summary>
    public int NameHash { get; init; }

    /// <summary>The name may itself hold blanks and parentheses, so the last one counts.</summary>
    internal static ProcessFigures? Parse(ReadOnlySpan<byte> stat)
    {
        int open = stat.IndexOf((byte)'(');
        int close = stat.LastIndexOf((byte)')');
        if (open < 1 || close < open)
        {
            return null;
        }

        HashCode name = default;
        name.AddBytes(stat[(open + 1)..close]);
        ReadOnlySpan<byte> rest = stat[(close + 1)..];
        Span<long> fields = stackalloc long[22];
        bool zombie = false;
        for (int i = 0; i < fields.Length; i++)
        {
            ReadOnlySpan<byte> word = ProcText.Word(ref rest);
            if (word.IsEmpty)
            {
                return null;
            }

            zombie |= i == 0 && word[0] is (byte)'Z' or (byte)'X';
            fields[i] = i == 0 ? 0 : ProcText.Number(word);
        }

        // fields[0] is the third field of the manual page.
        return new ProcessFigures
        {
            ParentPid = (int)fields[1],
            IsZombie = zombie,
            UserTicks = fields[11] + fields[13],
            SystemTicks = fields[12] + fields[14],
            Threads = (int)fields[17],
            VirtualBytes = fields[20],
            ResidentPages = fields[21],
            NameHash = name.ToHashCode(),
        };
    }
}
