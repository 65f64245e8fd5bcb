using System.Diagnostics.CodeAnalysis;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Probing;

[TestFixture]
[SuppressMessage("Interoperability", "CA1416", Justification = "Linux only")]
[Parallelizable(ParallelScope.All)]
public class RuntimeProbeTests
{
    private static readonly Fact<CvmfsFacts> NoCvmfs = new Fact<CvmfsFacts>.Unknown("not asked");

    private static string Script(Scratch scratch, string name, string body)
    {
        string path = scratch.Write(name, "#!/bin/sh\n" + body);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static Task<Fact<ImmutableArray<RuntimeFacts>>> ProbeAsync(Scratch scratch, ApptainerPolicy? policy = null, string? trial = null, Fact<CvmfsFacts>? cvmfs = null)
    {
        Dictionary<string, string> environment = new() { ["PATH"] = $"{scratch.Path}/a:relative::{scratch.Path}/b:/cvmfs/x.test/bin" };
        SiteProfile site = new() { Name = "test", Apptainer = policy ?? new ApptainerPolicy { CvmfsPrograms = [] }, Cvmfs = new CvmfsPolicy { Root = Path.Combine(scratch.Path, "cvmfs") } };
        return new RuntimeProbe(new InProcessChildren(), environment, MountInfo.Read()).ProbeAsync(site, Task.FromResult(cvmfs ?? NoCvmfs), trial, CancellationToken.None);
    }

    private static string[] Names(Fact<ImmutableArray<RuntimeFacts>> fact) =>
        [.. ((Fact<ImmutableArray<RuntimeFacts>>.Known)fact).Value.Select(r => $"{r.Name} {r.Version} {r.Origin} {Path.GetFileName(Path.GetDirectoryName(r.Path))}")];

    [Test]
    public async Task Programs_of_the_profile_come_first_then_path_by_name()
    {
        using Scratch scratch = new();
        string profile = Script(scratch, "profile/apptainer", "echo apptainer version 1.5.0");
        Script(scratch, "a/singularity", "echo singularity-ce version 4.1.0-noble");
        Script(scratch, "b/apptainer", "echo apptainer version 1.4.5");
        Fact<ImmutableArray<RuntimeFacts>> found = await ProbeAsync(scratch, new ApptainerPolicy { Programs = [profile], CvmfsPrograms = [] });
        Assert.That(Names(found), Is.EqualTo((string[])["apptainer 1.5.0 profile profile", "apptainer 1.4.5 path b", "singularity 4.1.0-noble path a"]));
    }

    [Test]
    public async Task Something_else_of_that_name_a_file_that_cannot_run_and_this_program_itself_are_left_out()
    {
        using Scratch scratch = new();
        Script(scratch, "a/apptainer", "echo usage: apptainer >&2; exit 1");
        scratch.Write("b/apptainer", "#!/bin/sh\necho apptainer version 1.4.5\n");
        File.CreateSymbolicLink(Path.Combine(scratch.Path, "a/singularity"), "/proc/self/exe");
        File.SetUnixFileMode(Path.Combine(scratch.Path, "b/apptainer"), UnixFileMode.UserRead);
        Fact<ImmutableArray<RuntimeFacts>> found = await ProbeAsync(scratch);
        // Root may execute only what has an execute bit for somebody, so the second is left out for root, too.
        Assert.That(found, Is.TypeOf<Fact<ImmutableArray<RuntimeFacts>>.Absent>());
    }

    [Test]
    public async Task A_trial_proves_that_a_runtime_works_and_leaves_nothing_behind()
    {
        using Scratch scratch = new();
        Script(scratch, "a/apptainer", "[ \"$1\" = --version ] && exec echo apptainer version 1.4.5\n# exec --contain --no-home TREE PROGRAM: run it from the tree\nexec \"$4$5\"\n");
        Script(scratch, "b/singularity", "[ \"$1\" = --version ] && exec echo singularity version 3.8.7\necho 'WARNING: x'; echo 'FATAL: no user namespace' >&2; exit 255\n");
        string trial = Path.Combine(scratch.Path, "trial");
        ImmutableArray<RuntimeFacts> found = ((Fact<ImmutableArray<RuntimeFacts>>.Known)await ProbeAsync(scratch, trial: trial)).Value;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Select(r => (r.Name, r.Works.Works)), Is.EqualTo(((string, bool)[])[("apptainer", true), ("singularity", false)]));
            Assert.That(found[1].Works.Detail, Is.EqualTo("FATAL: no user namespace"));
            Assert.That(Directory.EnumerateDirectories(scratch.Path, "trial*"), Is.Empty);
        }
    }

    [Test]
    public async Task Programs_in_cvmfs_are_looked_at_only_where_the_repository_is_usable([Values] bool usable)
    {
        using Scratch scratch = new();
        Script(scratch, "cvmfs/sw.test/bin/apptainer", "echo apptainer version 1.3.0");
        CvmfsRepositoryFacts repository = new() { Name = "sw.test", Path = "/x", State = usable ? CvmfsState.Copy : CvmfsState.Dead, Detail = "", Seconds = 0 };
        Fact<CvmfsFacts> facts = new Fact<CvmfsFacts>.Known(new CvmfsFacts { Root = Path.Combine(scratch.Path, "cvmfs"), Repositories = [repository] });
        Fact<ImmutableArray<RuntimeFacts>> found = await ProbeAsync(scratch, new ApptainerPolicy { CvmfsPrograms = ["sw.test/bin/apptainer", "other.test/bin/apptainer"] }, cvmfs: facts);
        Assert.That(found is Fact<ImmutableArray<RuntimeFacts>>.Known ? Names(found) : [], Is.EqualTo(usable ? (string[])["apptainer 1.3.0 cvmfs bin"] : []));
    }

    [TestCase("apptainer version 1.4.5", "apptainer", "1.4.5")]
    [TestCase("apptainer version 1.1.9-1.el8\nmore", "apptainer", "1.1.9-1.el8")]
    [TestCase("singularity version 3.8.7", "singularity", "3.8.7")]
    [TestCase("singularity-ce version 4.1.0", "singularity", "4.1.0")]
    [TestCase("2.6.1-dist", "singularity", "2.6.1-dist")]
    [TestCase("ls (GNU coreutils) 9.1", null, null)]
    [TestCase("", null, null)]
    public void Version_lines_are_understood(string output, string? name, string? version) =>
        Assert.That(RuntimeProbe.ParseVersion(output, "/usr/bin/singularity"), Is.EqualTo(name is null ? null : ((string, string)?)(name, version!)));
}
