namespace GridWrapper.Linux;

/// <summary>The umask of this process, read without changing it.</summary>
internal static class FileModeMask
{
    private const string Key = "Umask:";
    private static readonly Lazy<uint> Read = new(Find);

    /// <summary>Bits that new files do not get. All, where the kernel does not tell (before 4.7).</summary>
    internal static uint Bits => Read.Value;

    private static uint Find()
    {
        string? line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        return line is null ? 0x1FF : Convert.ToUInt32(line[Key.Length..].Trim(), 8);
    }
}
