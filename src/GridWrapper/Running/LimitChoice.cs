using GridWrapper.Jobs;
using GridWrapper.Sites;
using GridWrapper.Watching;

namespace GridWrapper.Running;

/// <summary>Which limits hold for a payload: of the command line, the site profile and the job the narrowest. Pure.</summary>
internal static class LimitChoice
{
    /// <summary>Seconds; what the PanDA pilot waits for a sign of life.</summary>
    private const double PilotsLooping = 7200;

    /// <summary>What the PanDA pilot allows for stdout.</summary>
    private const double PilotsStdoutBytes = 2.0 * 1024 * 1024 * 1024;

    /// <summary>What the PanDA pilot allows for one output.</summary>
    private const double PilotsOutputBytes = 500.0 * 1024 * 1024 * 1024;

    /// <summary>maxDiskCount is an estimate of the task; the pilot grants as much over its own limit.</summary>
    private const double DiskMargin = 1.1;

    /// <summary>maxCpuCount is an estimate of the task, too.</summary>
    private const double CpuMargin = 2;

    private const double Megabyte = 1024 * 1024;

    /// <summary>How an `exec` is watched; null where nobody asked for a limit.</summary>
    internal static WatchOptions? ForCommand(RunSettings settings) =>
        settings.MemoryLimit is null && !settings.Site.Limits.Any ? null : Options(settings, Narrowest(OfOptions(settings), OfSite(settings.Site)));

    /// <summary>How a job is watched: always, because its figures are part of its account.</summary>
    internal static WatchOptions ForJob(RunSettings settings, JobRequest job, bool underPilot)
    {
        PayloadLimits limits = Narrowest(OfOptions(settings), OfSite(settings.Site));
        limits = CountJobs(settings.Site, underPilot) ? Narrowest(limits, OfJob(job, settings.Site.Limits)) : limits;
        return Options(settings, job.NoLoopingCheck ? limits with { Looping = null } : limits);
    }

    /// <summary>Whether the limits that the job brings count; a pilot looks after them by itself.</summary>
    internal static bool CountJobs(SiteProfile site, bool underPilot) => site.Limits.FromJob == "always" || (site.Limits.FromJob == "standalone" && !underPilot);

    private static WatchOptions Options(RunSettings settings, PayloadLimits limits)
    {
        LimitPolicy policy = settings.Site.Limits;
        TimeSpan sample = TimeSpan.FromSeconds(policy.SampleSeconds);
        WatchOptions options = new() { JobDirectory = settings.WorkDirectory };
        return options with
        {
            Limits = limits,
            SampleInterval = sample,
            GuardInterval = sample < options.GuardInterval ? sample : options.GuardInterval,
            DirectoryInterval = TimeSpan.FromSeconds(policy.DirectorySeconds),
            Cgroup = Cgroup(policy),
        };
    }

    internal static CgroupUse Cgroup(LimitPolicy policy) => policy.Cgroup switch
    {
        "off" => CgroupUse.Off,
        "move" => CgroupUse.Move,
        _ => CgroupUse.Auto,
    };

    private static PayloadLimits OfOptions(RunSettings settings) => new() { Memory = Of(settings.MemoryLimit, "--memory-limit") };

    private static PayloadLimits OfSite(SiteProfile site)
    {
        LimitPolicy policy = site.Limits;
        return new PayloadLimits
        {
            Memory = Of(policy.MemoryBytes, Key("memoryBytes")),
            Cpu = Of(policy.CpuSeconds, Key("cpuSeconds")),
            Cores = Of(policy.Cores, Key("cores")),
            Processes = Of(policy.Processes, Key("processes")),
            Disk = Of(policy.DiskBytes, Key("diskBytes")),
            OutputFile = Of(policy.OutputFileBytes, Key("outputFileBytes")),
            Stdout = Of(policy.StdoutBytes, Key("stdoutBytes")),
            Looping = Of(policy.LoopingSeconds, Key("loopingSeconds")),
        };

        string Key(string name) => $"limits.{name} of the site profile {site.Name}";
    }

    private static PayloadLimits OfJob(JobRequest job, LimitPolicy policy) => new()
    {
        Memory = Of(job.MinRamMegabytes * Megabyte * policy.MemoryFactor, string.Create(CultureInfo.InvariantCulture, $"{policy.MemoryFactor:0.##} times the job's minRamCount")),
        Cpu = Of(job.MaxCpuSeconds * (double)job.CoreCount * CpuMargin, string.Create(CultureInfo.InvariantCulture, $"{CpuMargin:0.##} times the job's maxCpuCount on {job.CoreCount} cores")),
        Disk = Of(job.MaxDiskMegabytes * Megabyte * DiskMargin, string.Create(CultureInfo.InvariantCulture, $"{DiskMargin:0.##} times the job's maxDiskCount")),
        OutputFile = new Limit(PilotsOutputBytes, "the pilot's rule for outputs"),
        Stdout = new Limit(PilotsStdoutBytes, "the pilot's rule for stdout"),
        Looping = new Limit(PilotsLooping, "the pilot's rule for stuck payloads"),
    };

    private static Limit? Of(double? value, string origin) => value is { } number ? new Limit(number, origin) : null;

    private static PayloadLimits Narrowest(PayloadLimits a, PayloadLimits b) => new()
    {
        Memory = Narrower(a.Memory, b.Memory),
        Cpu = Narrower(a.Cpu, b.Cpu),
        Cores = Narrower(a.Cores, b.Cores),
        Disk = Narrower(a.Disk, b.Disk),
        OutputFile = Narrower(a.OutputFile, b.OutputFile),
        Stdout = Narrower(a.Stdout, b.Stdout),
        Processes = Narrower(a.Processes, b.Processes),
        Looping = Narrower(a.Looping, b.Looping),
    };

    private static Limit? Narrower(Limit? a, Limit? b) => a is null || (b is not null && b.Value < a.Value) ? b : a;
}
