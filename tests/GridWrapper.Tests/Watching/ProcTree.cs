namespace GridWrapper.Tests.Watching;

/// <summary>A recorded /proc with processes made up for one test.</summary>
internal sealed class ProcTree : IDisposable
{
    private const int KilobytesPerPage = 4;

    internal string Root { get; } = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "proc-" + Guid.NewGuid().ToString("N"))).FullName;

    internal string Proc => Path.Combine(Root, "proc");

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>Writes or replaces a process; its children are told by the lists of its threads.</summary>
    internal void Process(int pid, int parent, string name = "payload", ProcNumbers? numbers = null, params int[] children)
    {
        ProcNumbers n = numbers ?? new ProcNumbers();
        Write($"proc/{pid}/stat", string.Create(
            CultureInfo.InvariantCulture,
            $"{pid} ({name}) {n.State} {parent} 1 1 0 -1 4194560 1 0 0 0 {n.UserTicks} {n.SystemTicks} {n.ChildTicks} 0 20 0 {n.Threads} 0 100 {n.RssKilobytes * 2048} {n.RssKilobytes / KilobytesPerPage} 0 0\n"));
        Write($"proc/{pid}/io", $"rchar: {n.ReadChars}\nwchar: 20\nsyscr: 1\nsyscw: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n");
        Write($"proc/{pid}/smaps_rollup", $"00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss: {n.RssKilobytes} kB\nPss: {n.PssKilobytes} kB\nPss_Dirty: 1 kB\nSwap: 8 kB\nSwapPss: 8 kB\n");
        Write($"proc/{pid}/net/dev", "Inter-| Receive | Transmit\n face |bytes packets\n    lo: 100 2 0 0 0 0 0 0 100 2 0 0 0 0 0 0\n  eth0: 1000 10 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n");
        Write($"proc/{pid}/task/{pid}/children", string.Join(' ', children) + " ");
    }

    internal void Remove(int pid) => Directory.Delete($"{Proc}/{pid}", recursive: true);

    internal void Write(string name, string text)
    {
        string path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}

/// <summary>What a made-up process shows.</summary>
internal sealed record ProcNumbers
{
    public char State { get; init; } = 'S';

    public long UserTicks { get; init; } = 150;

    public long SystemTicks { get; init; } = 50;

    public long ChildTicks { get; init; }

    public int Threads { get; init; } = 1;

    public long RssKilobytes { get; init; } = 4000;

    public long PssKilobytes { get; init; } = 3000;

    public long ReadChars { get; init; } = 10;
}
