using GridWrapper.Linux;
using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ScratchDirectoryTests
{
    private const string Dead = "run-99999999";

    [Test]
    public void It_is_private_and_goes_away()
    {
        using RunningScratch scratch = new();
        string path;
        using (ScratchDirectory directory = ScratchDirectory.Create(scratch.Cache))
        {
            path = directory.Path;
            Assert.That(File.GetUnixFileMode(path), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
            Directory.CreateDirectory(Path.Combine(path, "a/b"));
            File.SetUnixFileMode(Path.Combine(path, "a"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        Assert.That(Directory.Exists(path), Is.False);
    }

    [Test]
    public void What_dead_runs_left_is_removed_and_what_is_held_stays()
    {
        using RunningScratch scratch = new();
        string parent = Path.Combine(scratch.Cache, "scratch");
        foreach (string name in new[] { Dead + "/deep/er", "run-1", "run-2", "something" })
        {
            Directory.CreateDirectory(Path.Combine(parent, name));
        }

        File.WriteAllText(Path.Combine(parent, "run-3.lock"), "");
        using FileLock held = FileLock.TryAcquire(Path.Combine(parent, "run-2.lock"))!;
        using ScratchDirectory directory = ScratchDirectory.Create(scratch.Cache);
        string own = Path.GetFileName(directory.Path);
        Assert.That(
            Directory.GetFileSystemEntries(parent).Select(Path.GetFileName), Is.EquivalentTo(new[] { own, own + ".lock", "run-2", "run-2.lock", "something" }));
    }

    /// <summary>Another container's run may have the same process number.</summary>
    [Test]
    public void Two_runs_with_one_number_do_not_share()
    {
        using RunningScratch scratch = new();
        using ScratchDirectory first = ScratchDirectory.Create(scratch.Cache);
        File.WriteAllText(Path.Combine(first.Path, "file"), "x");
        string other;
        using (ScratchDirectory second = ScratchDirectory.Create(scratch.Cache))
        {
            other = second.Path;
            Assert.That((other == first.Path, Directory.Exists(other)), Is.EqualTo((false, true)));
        }

        Assert.That((File.Exists(Path.Combine(first.Path, "file")), Directory.Exists(other)), Is.EqualTo((true, false)));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Many_at_once_get_one_each()
    {
        using RunningScratch scratch = new();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 40; i++)
            {
                using ScratchDirectory directory = ScratchDirectory.Create(scratch.Cache);
                string file = Path.Combine(directory.Path, "mine");
                Assert.That(File.Exists(file), Is.False);
                File.WriteAllText(file, "x");
                Assert.That(Directory.GetFiles(directory.Path), Is.EqualTo(new[] { file }));
            }
        })));
        Assert.That(Directory.GetFileSystemEntries(Path.Combine(scratch.Cache, "scratch")), Is.Empty);
    }

    [Test]
    public void An_orphan_that_is_a_link_is_not_followed()
    {
        using RunningScratch scratch = new();
        string witness = Directory.CreateDirectory(Path.Combine(scratch.Base, "witness")).FullName;
        File.WriteAllText(Path.Combine(witness, "file"), "untouched");
        Directory.CreateDirectory(Path.Combine(scratch.Cache, "scratch"));
        Directory.CreateSymbolicLink(Path.Combine(scratch.Cache, "scratch", Dead), witness);
        using ScratchDirectory directory = ScratchDirectory.Create(scratch.Cache);
        Assert.That(File.ReadAllText(Path.Combine(witness, "file")), Is.EqualTo("untouched"));
    }

    [Test]
    public void A_dry_run_names_what_a_run_makes()
    {
        using RunningScratch scratch = new();
        string name = ScratchDirectory.Name(scratch.Cache);
        Assert.That(Directory.Exists(scratch.Cache), Is.False);
        using ScratchDirectory directory = ScratchDirectory.Create(scratch.Cache);
        Assert.That(directory.Path, Is.EqualTo(name));
    }
}
