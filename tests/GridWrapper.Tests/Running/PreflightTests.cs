using System.Buffers.Binary;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Running;
using GridWrapper.Sites;
using GridWrapper.Tests.Layers;
using GridWrapper.Tests.Probing;
using GridWrapper.Tests.Registries;

namespace GridWrapper.Tests.Running;

/// <summary>What an image lacks, or a node, is told in words before the payload starts.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class PreflightTests
{
    private static IEnumerable<TestCaseData> Programs()
    {
        static TestCaseData Case(string name, string check, string state, string text, params (string Path, byte[] Content)[] files) => new TestCaseData(check, state, text, files).SetName("Program_" + name);
        byte[] plain = Elf(0x3e, null, 0);
        yield return Case("static", "program", Finding.Ok, "amd64", ("bin/x", plain));
        yield return Case("with_loader", "program", Finding.Ok, "/lib64/ld.so", ("bin/x", Elf(0x3e, "/lib64/ld.so", 1)), ("lib64/ld.so", plain));
        yield return Case("without_loader", "loader", Finding.Fatal, "/lib64/ld.so", ("bin/x", Elf(0x3e, "/lib64/ld.so", 1)));
        yield return Case("of_another_machine", "architecture", Finding.Fatal, "arm64", ("bin/x", Elf(0xb7, null, 0)));
        yield return Case("for_a_newer_processor", "cpu-level", Finding.Fatal, "x86-64-v4", ("bin/x", Elf(0x3e, null, 0b1000)));
        yield return Case("for_this_processor", "program", Finding.Ok, "amd64", ("bin/x", Elf(0x3e, null, 0b0111)));
        yield return Case("script", "program", Finding.Ok, "script", ("bin/x", "#! /bin/sh -e\n"u8.ToArray()), ("bin/sh", plain));
        yield return Case("script_without_interpreter", "interpreter", Finding.Fatal, "/opt/python", ("bin/x", "#!/opt/python\n"u8.ToArray()));
        yield return Case("script_of_a_program_without_loader", "loader", Finding.Fatal, "/lib/none", ("bin/x", "#!/bin/sh\n"u8.ToArray()), ("bin/sh", Elf(0x3e, "/lib/none", 0)));
        yield return Case("absent", "program", Finding.Unknown, "none of /bin/x", ("bin/y", plain));
        yield return Case("truncated", "program", Finding.Ok, "/bin/x", ("bin/x", plain[..40]));
    }

    [TestCaseSource(nameof(Programs))]
    public async Task A_program_is_checked_by_its_headers(string check, string state, string text, (string Path, byte[] Content)[] files)
    {
        string tree = TreeListing.NewDirectory();
        foreach ((string path, byte[] content) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName($"{tree}/{path}")!);
            await File.WriteAllBytesAsync($"{tree}/{path}", content);
        }

        ImmutableArray<Finding> findings = await Check(Input("amd64", null), [tree], "/bin/x");

        Finding found = findings.Single(f => f.Check != "platform");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((found.Check, found.State), Is.EqualTo((check, state)), found.Detail);
            Assert.That(found.Detail, Does.Contain(text));
            Assert.That(found.Failure is not null, Is.EqualTo(state == Finding.Fatal));
        }
    }

    [TestCase("amd64", null, Finding.Ok)]
    [TestCase("amd64", "v3", Finding.Ok)]
    [TestCase("amd64", "v4", Finding.Fatal)]
    public void The_platform_of_the_configuration_must_fit_the_processor(string architecture, string? variant, string state)
    {
        Finding found = Preflight.OfPlatform(Input(architecture, variant));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.State, Is.EqualTo(state), found.Detail);
            Assert.That(found.Failure?.ExitCode, Is.EqualTo(state == Finding.Fatal ? ExitCodes.TryElsewhere : (int?)null));
        }
    }

    /// <summary>Links across layers, whiteouts, opaque directories and changes of type, as overlay would show them.</summary>
    [TestCase("/usr/bin/x", "top")]
    [TestCase("/bin/x", "top")]
    [TestCase("/bin/y", "low")]
    [TestCase("/bin/gone", null)]
    [TestCase("/opaque/old", null)]
    [TestCase("/opaque/new", "new")]
    [TestCase("/type/x", null)]
    [TestCase("/type", "file")]
    [TestCase("/bin/../bin/./y", "low")]
    [TestCase("/loop", null)]
    public void A_stack_is_looked_up_as_overlay_would(string path, string? content)
    {
        (string low, _) = TreeListing.Extract(new TarBuilder().Dir("usr").Dir("usr/bin").File("usr/bin/x", "low").File("usr/bin/y", "low").File("usr/bin/gone", "g").Symlink("bin", "usr/bin")
            .Dir("opaque").File("opaque/old", "old").Dir("type").File("type/x", "x").Symlink("loop", "loop").Build());
        (string top, _) = TreeListing.Extract(new TarBuilder().Dir("usr").Dir("usr/bin").File("usr/bin/x", "top").Whiteout("usr/bin/gone").Dir("opaque").Opaque("opaque").File("opaque/new", "new").File("type", "file").Build());
        using MergedTree tree = new([top, low]);

        int error = tree.Find(path, out MergedTree.Place place);
        string? found = error == 0 && tree.Read(place, 100, out byte[] bytes) == 0 ? Encoding.ASCII.GetString(bytes) : null;

        Assert.That(found, Is.EqualTo(content));
    }

    [TestCase("/proc", "elsewhere", Finding.Warning)]
    [TestCase("/proc", "proc", Finding.Fatal)]
    [TestCase("/var/tmp", "../../bin/x", Finding.Fatal)]
    public async Task An_image_on_which_nothing_can_be_mounted_is_to_blame(string place, string target, string state)
    {
        string tree = TreeListing.NewDirectory();
        Directory.CreateDirectory(tree + "/bin");
        Directory.CreateDirectory(tree + "/var");
        await File.WriteAllBytesAsync(tree + "/bin/x", Elf(0x3e, null, 0));
        File.CreateSymbolicLink(tree + place, target);

        Finding found = (await Check(Input("amd64", null), [tree], "/bin/x")).Single(f => f.Check == "mount-points");

        Assert.That((found.State, found.Failure?.Blame), Is.EqualTo((state, state == Finding.Fatal ? Blame.Image : (Blame?)null)), found.Detail);
    }

    private static Task<ImmutableArray<Finding>> Check(PlanInput input, ImmutableArray<string> layers, params string[] candidates) =>
        new Preflight(Settings(), new InProcessChildren()).CheckAsync(input, layers, [.. candidates], CancellationToken.None);

    private static RunSettings Settings() => new()
    {
        Site = new SiteProfile { Name = "test" },
        WorkDirectory = "/nonexistent",
        CacheDirectory = "/nonexistent",
        Environment = ImmutableDictionary<string, string>.Empty,
    };

    private static PlanInput Input(string architecture, string? variant)
    {
        Digest digest = Digest.Of("x"u8);
        ImageManifest manifest = new() { Digest = digest, MediaType = MediaTypes.OciManifest, Config = new Descriptor(MediaTypes.OciConfig, digest, 1), Layers = [] };
        return new PlanInput
        {
            Site = new SiteProfile { Name = "test" },
            Host = new HostFacts { Node = TestImage.Node },
            Image = new ImageFacts
            {
                Reference = new ImageReference.InRegistry("docker.io", "a/b", "1", null),
                Resolved = new Fact<ResolvedImage>.Known(new ResolvedImage(manifest, new ImageConfig { Platform = new Platform("linux", architecture, variant) })),
            },
            CacheDirectory = "/nonexistent",
        };
    }

    /// <summary>A 64-bit little-endian program: header, two segments (loader, note of processor levels).</summary>
    private static byte[] Elf(ushort machine, string? loader, uint levels)
    {
        byte[] file = new byte[512];
        new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1 }.CopyTo(file, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(18), machine);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(32), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(54), 56);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(56), 2);
        byte[] name = Encoding.ASCII.GetBytes((loader ?? "") + "\0");
        name.CopyTo(file, 200);
        Segment(file, 64, loader is null ? 0u : 3u, 200, name.Length);
        byte[] note = new byte[32];
        BinaryPrimitives.WriteUInt32LittleEndian(note, 4);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(4), 16);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(8), 5);
        "GNU\0"u8.CopyTo(note.AsSpan(12));
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(16), 0xc0008002);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(20), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(24), levels);
        note.CopyTo(file, 300);
        Segment(file, 120, levels == 0 ? 0u : 4u, 300, note.Length);
        return file;
    }

    private static void Segment(byte[] file, int at, uint type, int offset, int length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), type);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at + 8), (ulong)offset);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at + 32), (ulong)length);
    }
}
