using System.Runtime.InteropServices;
using GridWrapper.Diagnostics;
using GridWrapper.SelfTest;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public class NodeProgramsTests
{
    private const string Loader = "/lib64/ld-linux-x86-64.so.2";

    private readonly string _root = Miniature.Scratch();

    [TearDown]
    public void RemoveTree() => Miniature.Remove(_root);

    [Test]
    public void A_link_below_cvmfs_is_not_followed()
    {
        Link("usr/lib", "/cvmfs/some.repository/lib");
        Write("cvmfs/some.repository/lib/liba.so", []);

        Assert.That(new NodeTree(_root).Resolve("/usr/lib/liba.so"), Is.Null);
    }

    [TestCase("/bin/sh", "/usr/bin/dash")]
    [TestCase("/bin/../bin/./sh", "/usr/bin/dash")]
    [TestCase("/bin/missing", null)]
    [TestCase("/loop", null)]
    [TestCase("/", "/")]
    public void Links_are_followed_inside_the_tree(string path, string? expected)
    {
        Write("usr/bin/dash", []);
        Link("usr/bin/sh", "dash");
        Link("bin", "/usr/bin");
        Link("loop", "loop");

        Assert.That(new NodeTree(_root).Resolve(path), Is.EqualTo(expected));
    }

    [Test]
    public async Task Libraries_are_found_by_search_path_standard_directories_and_configuration()
    {
        WriteElf("bin/sh", Loader, ["libown.so", "libstandard.so", "libc.so.6", "libconfigured.so"], runPath: "$ORIGIN/../opt/lib");
        WriteElf("opt/lib/libown.so");
        WriteElf("usr/lib/x86_64-linux-gnu/libstandard.so", needed: ["libdeep.so"]);
        WriteElf("usr/lib/x86_64-linux-gnu/libc.so.6");
        WriteElf("usr/lib/libdeep.so");
        WriteElf("site/lib/libconfigured.so");
        WriteElf(Loader[1..]);
        Write("etc/ld.so.conf", "include ld.so.conf.d/*.conf\n# a comment\n"u8);
        Write("etc/ld.so.conf.d/site.conf", "/site/lib # ours\n"u8);
        RequireX64();

        NodePrograms programs = await NodePrograms.FindAsync(new NodeTree(_root), CancellationToken.None);

        Assert.That(programs.Entries.Select(e => e.Path), Is.EquivalentTo(
        [
            "bin/sh", "lib64/ld-linux-x86-64.so.2", "opt/lib/libown.so", "usr/lib/x86_64-linux-gnu/libstandard.so", "usr/lib/x86_64-linux-gnu/libc.so.6",
            "usr/lib/libdeep.so", "usr/lib/x86_64-linux-gnu/libconfigured.so",
        ]));
    }

    [Test]
    public async Task A_library_for_another_machine_is_passed_over()
    {
        WriteElf("bin/sh", Loader, ["liba.so"]);
        WriteElf(Loader[1..]);
        Write("lib64/liba.so", SmallElf.Create(ElfFile.Aarch64));
        WriteElf("usr/lib/liba.so");
        RequireX64();

        NodePrograms programs = await NodePrograms.FindAsync(new NodeTree(_root), CancellationToken.None);

        Assert.That(programs.Entries.Select(e => e.Path), Has.Member("usr/lib/liba.so").And.No.Member("lib64/liba.so"));
    }

    [Test]
    public async Task Directory_links_of_the_node_become_links_of_the_image()
    {
        WriteElf("usr/bin/sh", Loader);
        WriteElf("usr/lib64/ld-linux-x86-64.so.2");
        Link("bin", "usr/bin");
        Link("lib64", "/usr/lib64");
        RequireX64();

        NodePrograms programs = await NodePrograms.FindAsync(new NodeTree(_root), CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(programs.Entries.Select(e => e.Path), Is.EquivalentTo(["bin", "lib64", "usr/bin/sh", "usr/lib64/ld-linux-x86-64.so.2"]));
            Assert.That(programs.Entries.OfType<MiniatureEntry.SymbolicLink>().Select(l => l.Target), Is.EquivalentTo(["usr/bin", "usr/lib64"]));
        }
    }

    [Test]
    public async Task Programs_that_are_one_file_are_stored_once()
    {
        Write("bin/busybox", SmallElf.Create(ElfFile.X86_64));
        Link("bin/sh", "busybox");
        Link("bin/cat", "/bin/busybox");
        RequireX64();

        NodePrograms programs = await NodePrograms.FindAsync(new NodeTree(_root), CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(programs.Programs, Is.EqualTo(["sh", "cat"]));
            Assert.That(programs.Entries, Has.One.EqualTo(new MiniatureEntry.SymbolicLink("bin/cat", "sh")));
        }
    }

    [Test]
    public void A_node_without_a_shell_is_told_so()
    {
        RequireX64();
        GridWrapperException failure = Assert.ThrowsAsync<GridWrapperException>(() => NodePrograms.FindAsync(new NodeTree(_root), CancellationToken.None))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure.Failure.Blame, Is.EqualTo(Blame.Site));
            Assert.That(failure.Message, Does.Contain("sh: no program of that name for this machine in /bin, /usr/bin"));
        }
    }

    [Test]
    public void Every_missing_library_of_the_shell_is_named()
    {
        WriteElf("bin/sh", Loader, ["libone.so", "libtwo.so"]);
        RequireX64();

        Assert.That(
            async () => await NodePrograms.FindAsync(new NodeTree(_root), CancellationToken.None),
            Throws.TypeOf<GridWrapperException>().With.Message.Contains($"sh: /bin/sh needs {Loader}, libone.so, libtwo.so, which was not found"));
    }

    [Test]
    public async Task A_program_that_lacks_a_library_is_left_out()
    {
        Write("bin/sh", SmallElf.Create(ElfFile.X86_64));
        WriteElf("bin/cat", Loader, ["libgone.so"]);
        WriteElf(Loader[1..]);
        RequireX64();

        NodePrograms programs = await NodePrograms.FindAsync(new NodeTree(_root), CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(programs.Programs, Is.EqualTo(["sh"]));
            Assert.That(programs.Missing, Has.Some.EqualTo("cat: /bin/cat needs libgone.so, which was not found"));
        }
    }

    private static void RequireX64()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            Assert.Ignore("this processor is not x86-64, for which the fake trees of this fixture are made");
        }
    }

    private void WriteElf(string path, string? interpreter = null, string[]? needed = null, string? runPath = null) =>
        Write(path, SmallElf.Create(ElfFile.X86_64, interpreter, needed, runPath));

    private void Write(string path, ReadOnlySpan<byte> content)
    {
        string full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, content);
    }

    private void Link(string path, string target)
    {
        string full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.CreateSymbolicLink(full, target);
    }
}
