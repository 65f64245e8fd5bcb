namespace GridWrapper.Sites;

/// <summary>The section "limits" of a profile.</summary>
internal static class LimitPolicyReader
{
    private static readonly NumberRange Bytes = new(1 << 20, 1e15);
    private static readonly NumberRange Seconds = new(1, 31_536_000);
    private static readonly NumberRange Interval = new(0.1, 3600);

    internal static LimitPolicy Read(ProfileSection section)
    {
        LimitPolicy otherwise = new();
        LimitPolicy policy = new()
        {
            FromJob = section.Text("fromJob", otherwise.FromJob, ProfileRules.OneOf(["standalone", "always", "never"])),
            MemoryFactor = section.Number("memoryFactor", otherwise.MemoryFactor, new NumberRange(1, 100)),
            MemoryBytes = section.OptionalNumber("memoryBytes", Bytes),
            CpuSeconds = section.OptionalNumber("cpuSeconds", Seconds),
            Cores = section.OptionalNumber("cores", new NumberRange(0.01, 100_000)),
            Processes = section.OptionalNumber("processes", new NumberRange(1, 4_194_304)),
            DiskBytes = section.OptionalNumber("diskBytes", Bytes),
            OutputFileBytes = section.OptionalNumber("outputFileBytes", Bytes),
            StdoutBytes = section.OptionalNumber("stdoutBytes", Bytes),
            LoopingSeconds = section.OptionalNumber("loopingSeconds", Seconds),
            Cgroup = section.Text("cgroup", otherwise.Cgroup, ProfileRules.OneOf(["auto", "move", "off"])),
            SampleSeconds = section.Number("sampleSeconds", otherwise.SampleSeconds, Interval),
            DirectorySeconds = section.Number("directorySeconds", otherwise.DirectorySeconds, Interval),
        };
        section.Finish();
        return policy;
    }
}
