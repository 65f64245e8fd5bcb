using GridWrapper.Running;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ScratchDirectoryTests
{
    /// <summary>No process has it: the kernel's largest is 4194304.</summary>
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
    public void What_dead_runs_left_is_removed_and_what_lives_stays()
    {
        using RunningScratch scratch = new();
        string parent = Path.Combine(scratch.Cache, "scratch");
        foreach (string name in new[] { Dead + "/deep/er", "run-1", "run-word", "something" })
        {
            Directory.CreateDirectory(Path.Combine(parent, name));
        }

        using ScratchDirectory directory = ScratchDirectory.Create(scratch.Cache);
        Assert.That(
            Directory.GetDirectories(parent).Select(Path.GetFileName), Is.EquivalentTo(new[] { Path.GetFileName(directory.Path), "run-1", "run-word", "something" }));
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
