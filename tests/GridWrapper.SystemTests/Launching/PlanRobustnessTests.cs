using System.Buffers.Binary;
using System.Runtime.Versioning;
using GridWrapper.Launching;

namespace GridWrapper.SystemTests.Launching;

/// <summary>The helper on plans that nobody would write: it refuses them or fails, and never dies of them.</summary>
[SupportedOSPlatform("linux")]
[TestFixture, Parallelizable(ParallelScope.Self), CancelAfter(240_000)]
internal sealed class PlanRobustnessTests
{
    private const int Plans = 2000;

    /// <summary>The helper's own codes, the codes of what a plan can still start, and nothing above: 134, 135 and 139 would be ABRT, BUS and SEGV.</summary>
    private static readonly ImmutableArray<int> Expected = [0, 64, 125, 127];

    [Test]
    public async Task DamagedPlansAreRefusedOrFail()
    {
        using RootlessTestbed testbed = await RootlessTestbed.CreateAsync();
        string directory = testbed.NewDirectory();
        await WriteAsync(directory, Valid(testbed.Image));
        (_, string output, string errors) = await testbed.HostShellAsync(
            $"cd '{directory}'; for ((i = 0; i < {Plans}; i++)); do ./helper 3<$i 4>>reports 2>/dev/null >/dev/null </dev/null; echo $?; done", directory);
        ImmutableArray<int> codes = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(c => int.Parse(c, CultureInfo.InvariantCulture))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(codes, Has.Length.EqualTo(Plans), errors);
            Assert.That(codes.Select((code, i) => (code, i)).Where(c => !Expected.Contains(c.code)), Is.Empty);
            Assert.That(codes[0], Is.Zero, "the first plan is not damaged");
            Assert.That(codes.Distinct().Count(), Is.GreaterThan(1));
            Assert.That(new FileInfo(Path.Combine(directory, "reports")).Length % InitReport.SizeBytes, Is.Zero);
        }
    }

    private static byte[] Valid(string image)
    {
        string uid = Environment.UserName == "root" ? RootlessTestbed.User : Linux.Libc.GetUid().ToString(CultureInfo.InvariantCulture);
        string gid = Environment.UserName == "root" ? RootlessTestbed.User : Linux.Libc.GetGid().ToString(CultureInfo.InvariantCulture);
        LaunchSpec spec = new()
        {
            Launcher = "rootless",
            Argv = ["/bin/true", "an argument", ""],
            Environment = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/bin").Add("EMPTY", ""),
            WorkingDirectory = "/data",
            UidMap = [$"{uid} {uid} 1"],
            GidMap = [$"{gid} {gid} 1"],
            Operations =
            [
                new(LaunchOperations.SlaveRoot, null, null),
                new(LaunchOperations.Base, null, "/tmp"),
                new(LaunchOperations.Scaffold, null, "/etc/passwd", "file"),
                new(LaunchOperations.Scaffold, null, "/made/by/us"),
                new(LaunchOperations.Layer, image, null),
                new(LaunchOperations.Overlay, null, null, "userxattr"),
                new(LaunchOperations.Proc, null, "/proc"),
                new(LaunchOperations.Devices, "/dev", "/dev"),
                new(LaunchOperations.Bind, "/usr", "/made/by/us", "ro"),
                new(LaunchOperations.Tmpfs, null, "/tmp", "mode=1777,size=1m"),
                new(LaunchOperations.WriteFile, "content\n", "/etc/hosts"),
                new(LaunchOperations.CopyFile, "/etc/hostname", "/etc/hostname", "optional"),
                new(LaunchOperations.Identity, "me:x:1:1:::\n", "/etc/passwd", "optional"),
                new(LaunchOperations.ReadOnlyRoot, null, "/"),
                new(LaunchOperations.Enter, null, "/"),
            ],
        };
        return PlanEncoder.Encode(spec, PlanEncoder.Mode.PidNamespace, new PlanCaller(0, TimeSpan.Zero, 256));
    }

    private static async Task WriteAsync(string directory, byte[] valid)
    {
        string helper = Path.Combine(directory, "helper");
        await using (Stream embedded = typeof(InitReport).Assembly.GetManifestResourceStream("gridwrap-init")!)
        await using (FileStream file = File.Create(helper))
        {
            await embedded.CopyToAsync(file);
        }

        File.SetUnixFileMode(helper, (UnixFileMode)0x1ED);
        Random random = new(20261122);
        for (int i = 0; i < Plans; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(directory, i.ToString(CultureInfo.InvariantCulture)), i == 0 ? valid : Damage(valid, random));
        }
    }

    private static byte[] Damage(byte[] valid, Random random)
    {
        byte[] plan = [.. valid];
        switch (random.Next(4))
        {
            case 0:
                plan = plan[..random.Next(plan.Length)];
                break;
            case 1:
                plan = [.. plan, .. new byte[random.Next(1, 64)]];
                break;
            case 2:
                uint[] odd = [uint.MaxValue, uint.MaxValue - 1, int.MaxValue, 0x80000000, 16 << 20, (16 << 20) + 1, 0, 1, 2048, 2049];
                BinaryPrimitives.WriteUInt32LittleEndian(plan.AsSpan(random.Next(plan.Length / 4) * 4), odd[random.Next(odd.Length)]);
                break;
            default:
                for (int flips = random.Next(1, 6); flips > 0; flips--)
                {
                    plan[random.Next(plan.Length)] ^= (byte)(1 << random.Next(8));
                }

                break;
        }

        if (plan.Length >= 12 && random.Next(2) == 0)
        {
            BinaryPrimitives.WriteInt32LittleEndian(plan.AsSpan(8), plan.Length);
        }

        return plan;
    }
}
