using GridWrapper.Diagnostics;
using GridWrapper.Running;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Running;

/// <summary>The user's tarball may fill the job directory and nothing else.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class SandboxArchiveTests
{
    private static async Task<GridWrapperException?> UnpackAsync(RunningScratch scratch, byte[] packed)
    {
        string file = Path.Combine(scratch.Base, "code.tar.gz");
        await File.WriteAllBytesAsync(file, packed);
        try
        {
            await SandboxArchive.UnpackAsync(file, scratch.Job, CancellationToken.None);
            return null;
        }
        catch (GridWrapperException e)
        {
            return e;
        }
    }

    private static IEnumerable<TestCaseData> Hostile()
    {
        static TestCaseData Case(string name, TarBuilder tar, string reason) => new TestCaseData(TarBuilder.Gzip(tar.Build()), reason).SetArgDisplayNames(name);
        yield return Case("climbing out", new TarBuilder().File("../witness", "x"), "'../witness'");
        yield return Case("climbing out on the way", new TarBuilder().File("a/../../witness", "x"), "leads out");
        yield return Case("absolute", new TarBuilder().File("/tmp/gridwrap-sandbox-witness", "x"), "leads out");
        yield return Case("through a link", new TarBuilder().Symlink("a", "..").File("a/witness", "x"), "symbolic link");
        yield return Case("through a link of a link", new TarBuilder().Dir("d").Symlink("d/a", "../..").File("d/a/witness", "x"), "symbolic link");
        yield return Case("hard link out", new TarBuilder().HardLink("a", "../witness"), "outside");
        yield return Case("hard link to a link", new TarBuilder().Symlink("s", "../witness").HardLink("a", "s"), "outside");
        yield return Case("device", new TarBuilder().Device("null"), "type");
        yield return Case("truncated", new TarBuilder().Raw(new TarBuilder().File("a", new string('x', 5000)).BuildUnclosed()[..2000]), "damaged");
    }

    [TestCaseSource(nameof(Hostile))]
    public async Task Refused_as_the_user_s_with_the_witness_untouched(byte[] packed, string reason)
    {
        using RunningScratch scratch = new();
        string witness = Path.Combine(scratch.Base, "witness");
        await File.WriteAllTextAsync(witness, "untouched");
        GridWrapperException? failed = await UnpackAsync(scratch, packed);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failed?.Message, Does.Contain(reason));
            Assert.That((failed?.Failure.Blame, failed?.Failure.PilotErrorCode, failed?.Failure.Step), Is.EqualTo((Blame.User, PilotError.NoUserTarball, "unpack-sandbox")));
            Assert.That(await File.ReadAllTextAsync(witness), Is.EqualTo("untouched"));
            Assert.That(File.Exists("/tmp/gridwrap-sandbox-witness"), Is.False);
        }
    }

    [Test]
    public async Task What_is_no_archive_is_named_as_such()
    {
        using RunningScratch scratch = new();
        Assert.That((await UnpackAsync(scratch, Encoding.ASCII.GetBytes("this is a text, and long enough")))?.Message, Does.Contain("code.tar.gz").And.Contains("no tar file in gzip"));
    }

    [Test]
    public async Task An_honest_one_is_unpacked_over_what_is_there()
    {
        using RunningScratch scratch = new();
        scratch.Write("old", "before");
        byte[] packed = TarBuilder.Gzip(new TarBuilder()
            .Dir("./").File("./run.sh", "code", 0x1ED).Dir("sub").File("sub/deep", "d").Symlink("link", "run.sh").HardLink("hard", "run.sh")
            .File("old", "after").Symlink("out", "/etc/passwd").File("setuid", "s", 0x9ED).File("unreadable", "u", 0).Build());
        Assert.That(await UnpackAsync(scratch, packed), Is.Null);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                Directory.GetFileSystemEntries(scratch.Job).Select(Path.GetFileName).Order(StringComparer.Ordinal),
                Is.EqualTo(new[] { "hard", "link", "old", "out", "run.sh", "setuid", "sub", "unreadable" }));
            Assert.That(File.ReadAllText(Path.Combine(scratch.Job, "old")), Is.EqualTo("after"));
            Assert.That(File.ReadAllText(Path.Combine(scratch.Job, "hard")), Is.EqualTo("code"));
            Assert.That(File.GetUnixFileMode(Path.Combine(scratch.Job, "run.sh")).HasFlag(UnixFileMode.UserExecute), Is.True);
            Assert.That(File.GetUnixFileMode(Path.Combine(scratch.Job, "setuid")).HasFlag(UnixFileMode.SetUser), Is.False);
            Assert.That(File.GetUnixFileMode(Path.Combine(scratch.Job, "unreadable")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        }
    }

    /// <summary>A link that the archive brought is replaced, not followed, by a later file of its name.</summary>
    [Test]
    public async Task A_file_replaces_a_link_of_its_name()
    {
        using RunningScratch scratch = new();
        string witness = Path.Combine(scratch.Base, "witness");
        await File.WriteAllTextAsync(witness, "untouched");
        Assert.That(await UnpackAsync(scratch, TarBuilder.Gzip(new TarBuilder().Symlink("a", "../witness").File("a", "mine").Build())), Is.Null);
        Assert.That((File.ReadAllText(witness), File.ReadAllText(Path.Combine(scratch.Job, "a"))), Is.EqualTo(("untouched", "mine")));
    }
}
