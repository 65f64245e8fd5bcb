using System.Buffers.Binary;
using GridWrapper.Diagnostics;
using GridWrapper.Launching;

namespace GridWrapper.Tests.Launching;

/// <summary>The bytes that src/init/plan.h describes.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class PlanEncoderTests
{
    private static readonly LaunchSpec Small = new()
    {
        Launcher = "rootless",
        Argv = ["/bin/x", "äö"],
        Environment = ImmutableSortedDictionary<string, string>.Empty.Add("A", "b=c"),
        WorkingDirectory = "/w",
        UidMap = ["7 7 1"],
        GidMap = ["8 8 1"],
        Operations = [new LaunchOperation(LaunchOperations.Bind, "/s", "/t", "ro,optional"), new LaunchOperation(LaunchOperations.WriteFile, "abc", "/f")],
    };

    [Test]
    public void ASmallPlanIsTheseBytes()
    {
        byte[] plan = PlanEncoder.Encode(Small, PlanEncoder.Mode.PidNamespace | PlanEncoder.Mode.Terminal, new PlanCaller(99, TimeSpan.FromSeconds(1.5), 1024));
        string[] expected =
        [
            "47574950", "02000000", Word(plan.Length), "09000000", "63000000", "02000000", "02000000", "01000000", "dc050000", "00040000", "00000000",
            "06000000", Hex("7 7 1\n\0\0"), "06000000", Hex("8 8 1\n\0\0"), "02000000", Hex("/w\0\0"),
            "ffffffff", "ffffffff", "ffffffff", "ffffffff", "ffffffff",
            "06000000", Hex("/bin/x\0\0"), "04000000", Hex("äö\0\0\0\0"), "05000000", Hex("A=b=c\0\0\0"),
            "06000000", "03000000", "02000000", Hex("/s\0\0"), "02000000", Hex("/t\0\0"), "00000000", "00000000",
            "0a000000", "00000000", "ffffffff", "02000000", Hex("/f\0\0"), "03000000", Hex("abc\0"),
        ];
        Assert.That(Convert.ToHexStringLower(plan), Is.EqualTo(string.Concat(expected)));
    }

    [Test]
    public void WhatIsUsuallyAbsentComesBehindTheDirectory()
    {
        LaunchSpec spec = Small with
        {
            CgroupDirectory = "/c",
            UidMapper = "/u",
            GidMapper = "/g",
            InnerUidMap = ["0 7 1"],
            InnerGidMap = ["0 8 1"],
            ResourceLimits = [new ResourceLimit(6, 0x1_0000_0002, ResourceLimit.Unlimited)],
        };
        string plan = Convert.ToHexStringLower(PlanEncoder.Encode(spec, PlanEncoder.Mode.None, default));
        string strings = string.Concat(
            "02000000", Hex("/c\0\0"), "02000000", Hex("/u\0\0"), "02000000", Hex("/g\0\0"), "06000000", Hex("0 7 1\n\0\0"), "06000000", Hex("0 8 1\n\0\0"));
        const string Limits = "06000000" + "02000000" + "01000000" + "ffffffff" + "ffffffff";
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plan[80..88], Is.EqualTo("01000000"));
            Assert.That(plan, Does.Contain(Hex("/w\0\0") + strings));
            Assert.That(plan, Does.Contain(Hex("A=b=c\0\0\0") + Limits + "06000000"));
        }
    }

    [Test]
    public void TheModeFollowsFromTheLaunch()
    {
        LaunchSpec spec = Small with { Terminal = true, KeepKeyring = true, Operations = [new LaunchOperation(LaunchOperations.Proc, null, "/proc")] };
        using (Assert.EnterMultipleScope())
        {
            Assert.That(PlanEncoder.ModeOf(Small), Is.EqualTo(PlanEncoder.Mode.None));
            Assert.That(PlanEncoder.ModeOf(spec), Is.EqualTo(PlanEncoder.Mode.PidNamespace | PlanEncoder.Mode.Terminal | PlanEncoder.Mode.KeepKeyring));
            Assert.That(PlanEncoder.ModeOf(Small with { Terminal = true }), Is.EqualTo(PlanEncoder.Mode.Terminal));
        }
    }

    [TestCase("ro", "", 1u), TestCase("optional", "", 2u), TestCase("file", "", 4u), TestCase("ro,optional,mode=0755,size=1m", "mode=0755,size=1m", 3u), TestCase("", "", 0u), TestCase("writable", "", 0u)]
    public void OurOwnWordsBecomeFlagsAndTheRestIsForTheKernel(string options, string rest, uint flags)
    {
        LaunchOperations.Flags actual = LaunchOperations.FlagsOf(new LaunchOperation(LaunchOperations.Tmpfs, null, "/t", options), out string left);
        Assert.That(((uint)actual, left), Is.EqualTo((flags, rest)));
    }

    [TestCase("", 1u), TestCase("userxattr", 1u), TestCase("userxattr,writable", 0u)]
    public void AnOverlayIsReadOnlyUnlessToldOtherwise(string options, uint flags) =>
        Assert.That((uint)LaunchOperations.FlagsOf(new LaunchOperation(LaunchOperations.Overlay, null, null, options), out _), Is.EqualTo(flags));

    [Test]
    public void TheKindsAreThoseOfTheHeaderFile()
    {
        string header = File.ReadAllText(Path.Combine(Documentation.Repository.Root, "src", "init", "plan.h"));
        string[] kinds = [.. header[header.IndexOf("OP_SLAVE", StringComparison.Ordinal)..header.IndexOf("OP_LAST", StringComparison.Ordinal)]
            .Split('\n').Select(l => l.Trim()).Where(l => l.StartsWith("OP_", StringComparison.Ordinal))];
        string[] names =
        [
            LaunchOperations.SlaveRoot, LaunchOperations.Base, LaunchOperations.Scaffold, LaunchOperations.Layer, LaunchOperations.Overlay, LaunchOperations.Bind,
            LaunchOperations.Tmpfs, LaunchOperations.Proc, LaunchOperations.Devices, LaunchOperations.WriteFile, LaunchOperations.CopyFile, LaunchOperations.Identity,
            LaunchOperations.ReadOnlyRoot, LaunchOperations.Enter, LaunchOperations.OverlayTest, LaunchOperations.Underlay, LaunchOperations.Mask, LaunchOperations.FuseOverlay, LaunchOperations.Expect,
            LaunchOperations.Image, LaunchOperations.FuseTest, LaunchOperations.Serve,
        ];
        Assert.That(names.Select(n => LaunchOperations.Wire(n).Kind), Is.EqualTo(Enumerable.Range(1, kinds.Length).Select(k => (uint)k)));
    }

    [Test]
    public void AnUnknownOperationIsADefect() => Assert.That(() => LaunchOperations.Wire("fly"), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void ANulInTheCommandIsTheUsersFault()
    {
        LaunchSpec spec = Small with { Argv = ["/bin/x", "a\0b"] };
        Assert.That(() => PlanEncoder.Encode(spec, PlanEncoder.Mode.None, default), Throws.TypeOf<GridWrapperException>()
            .With.Property("Failure").Property("Blame").EqualTo(Blame.User).And.Message.Contain("a?b"));
    }

    private static string Hex(string text) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));

    private static string Word(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Convert.ToHexStringLower(bytes);
    }
}
