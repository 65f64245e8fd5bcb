using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

/// <summary>Recorded /proc, /sys and /etc files of several kinds of node, replayed through the root path.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class NodeProbeTests
{
    private const string SkylakeFlags =
        "fpu vme sse sse2 ht syscall nx lm constant_tsc pni ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c lahf_lm abm bmi1 avx2 bmi2";

    private static Dictionary<string, string> Environment(params (string, string)[] values) => values.ToDictionary(v => v.Item1, v => v.Item2);

    /// <summary>An EL9 node with cgroup v2 delegated by a batch system.</summary>
    private static Scratch El9()
    {
        Scratch root = new();
        root.Write("etc/os-release", "NAME=\"AlmaLinux\"\nPRETTY_NAME=\"AlmaLinux 9.4 (Seafoam Ocelot)\"\n");
        root.Write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\natlasprd:x:10761:1307:ATLAS:/home/atlasprd:/bin/bash\n");
        root.Write("proc/sys/kernel/hostname", "wn042\n");
        root.Write("proc/sys/kernel/osrelease", "5.14.0-427.el9.x86_64\n");
        root.Write("proc/self/status", "Name:\tgridwrap\nUid:\t10761\t10761\t10761\t10761\nGid:\t1307\t1307\t1307\t1307\nCpus_allowed_list:\t0-7,64-71\n");
        root.Write("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units     \nMax address space         unlimited            unlimited            bytes     \n");
        root.Write("proc/meminfo", "MemTotal:       263843512 kB\nMemFree: 1 kB\n");
        root.Write("proc/cpuinfo", $"processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz\nflags\t\t: {SkylakeFlags} avx512f avx512dq avx512cd avx512bw avx512vl\n\nprocessor\t: 1\nmodel name\t: other\n");
        root.Write("proc/self/cgroup", "0::/htcondor/slot1_3\n");
        root.Write("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,seclabel,nsdelegate\n");
        root.Write("sys/fs/cgroup/htcondor/slot1_3/memory.max", "4294967296\n");
        root.Write("sys/fs/cgroup/htcondor/slot1_3/cpu.max", "max 100000\n");
        root.Write("sys/fs/cgroup/htcondor/memory.max", "max\n");
        root.Write("sys/fs/cgroup/htcondor/cpu.max", "350000 100000\n");
        return root;
    }

    [Test]
    public void A_batch_node_with_cgroup_v2_is_described_with_its_tightest_limits()
    {
        using Scratch root = El9();
        NodeFacts facts = NodeProbe.Probe(root.Path, Environment(("USER", "someone")));
        Assert.That(facts, Is.EqualTo(new NodeFacts
        {
            HostName = "wn042",
            OperatingSystem = "AlmaLinux 9.4 (Seafoam Ocelot)",
            Kernel = "5.14.0-427.el9.x86_64",
            Architecture = "amd64",
            CpuLevel = "x86-64-v4",
            CpuModel = "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz",
            Cores = 4,
            MemoryBytes = 263843512L * 1024,
            MemoryLimitBytes = 4L << 30,
            Uid = 10761,
            Gid = 1307,
            UserName = "atlasprd",
        }));
    }

    [TestCase("unlimited", 4L << 30)]
    [TestCase("1073741824", 1L << 30)]
    [TestCase("8589934592", 4L << 30)]
    public void An_address_space_limit_counts_where_it_is_tighter(string limit, long expected)
    {
        using Scratch root = El9();
        root.Write("proc/self/limits", $"Max address space         {limit}            unlimited            bytes     \n");
        Assert.That(NodeProbe.Probe(root.Path, Environment()).MemoryLimitBytes, Is.EqualTo(expected));
    }

    [Test]
    public void Cgroup_v1_with_a_mounted_subtree_is_understood_and_its_huge_number_is_no_limit()
    {
        using Scratch root = El9();
        root.Write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/docker/abc/job\n1:cpu,cpuacct:/docker/abc/job\n0::/\n");
        root.Write(
            "proc/self/mountinfo",
            "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n36 31 0:33 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
        root.Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
        root.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
        root.Write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
        root.Write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
        root.Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
        root.Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
        NodeFacts facts = NodeProbe.Probe(root.Path, Environment());
        Assert.That((facts.MemoryLimitBytes, facts.Cores), Is.EqualTo((2L << 30, 1)));
    }

    [Test]
    public void An_empty_tree_gives_unknowns_and_no_exception()
    {
        using Scratch root = new();
        NodeFacts facts = NodeProbe.Probe(root.Path, Environment(("LOGNAME", "me")));
        Assert.That(
            (facts.HostName, facts.OperatingSystem, facts.Kernel, facts.CpuLevel, facts.MemoryBytes, facts.MemoryLimitBytes, facts.UserName),
            Is.EqualTo(("unknown", "unknown", "unknown", "unknown", 0L, (long?)null, "me")));
    }

    [Test]
    public void This_machine_is_described_completely()
    {
        NodeFacts facts = NodeProbe.Probe("/", Environment());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(facts.MemoryBytes, Is.GreaterThan(100L << 20));
            Assert.That(facts.Cores, Is.InRange(1, System.Environment.ProcessorCount));
            Assert.That(facts.HostName, Is.EqualTo(System.Environment.MachineName));
            Assert.That(facts.Kernel, Does.Match(@"^\d+\."));
        }
    }

    [TestCase("lm sse2", "x86-64-v1")]
    [TestCase("lm cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3", "x86-64-v2")]
    [TestCase(SkylakeFlags, "x86-64-v3")]
    [TestCase("lm avx avx2 bmi1 bmi2 f16c fma abm movbe xsave avx512f", "x86-64-v1")]
    public void The_cpu_level_follows_the_flags(string flags, string level)
    {
        using Scratch root = new();
        root.Write("proc/cpuinfo", $"model name\t: X\nflags\t\t: {flags}\n");
        Assert.That(CpuInfo.Read(root.Path), Is.EqualTo(new CpuInfo("X", "amd64", level)));
    }

    [Test]
    public void An_arm_processor_is_told_by_its_features()
    {
        using Scratch root = new();
        root.Write("proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n");
        Assert.That(CpuInfo.Read(root.Path), Is.EqualTo(new CpuInfo("implementer 0x41 part 0xd0c", "arm64", "armv8")));
    }

    [TestCase("0", 1)]
    [TestCase("0-3,8,10-11", 7)]
    [TestCase("", null)]
    [TestCase("a-b", null)]
    public void Processor_lists_are_counted(string list, int? count) => Assert.That(NodeProbe.CountList(list), Is.EqualTo(count));
}
