using System.Formats.Tar;
using GridWrapper.Images;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public class MiniaturePublisherTests
{
    private readonly string _directory = Miniature.Scratch();

    [TearDown]
    public void RemoveScratch() => Miniature.Remove(_directory);

    [Test]
    public async Task The_layouts_index_leads_to_blobs_of_the_right_digest()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        string layout = Path.Combine(_directory, "layout");
        MiniaturePublisher.WriteOciLayout(image, layout, "1.0");

        JToken entry = JObject.Parse(await File.ReadAllTextAsync(Path.Combine(layout, "index.json")))["manifests"]!.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string?)entry["digest"], Is.EqualTo(image.OciManifest.Digest.ToString()));
            Assert.That((string?)entry["annotations"]!["org.opencontainers.image.ref.name"], Is.EqualTo("1.0"));
            Assert.That(Directory.GetFiles(Path.Combine(layout, "blobs/sha256")), Has.Length.EqualTo(5));
            Assert.That(
                Directory.GetFiles(Path.Combine(layout, "blobs/sha256")),
                Has.All.Matches<string>(f => Digest.Of(File.ReadAllBytes(f)).Hex == Path.GetFileName(f)));
        }
    }

    [TestCase("oci:{0}/layout:1.0")]
    [TestCase("oci-archive:{0}/oci.tar:1.0")]
    [TestCase("docker-archive:{0}/docker.tar:miniature:1.0")]
    [CancelAfter(60_000)]
    public async Task Skopeo_reads_what_was_written(string reference)
    {
        string skopeo = ToolRun.FindOrSkip("skopeo");
        MiniatureImage image = await Miniature.ImageAsync();
        MiniaturePublisher.WriteOciLayout(image, Path.Combine(_directory, "layout"), "1.0");
        MiniaturePublisher.WriteOciArchive(image, Path.Combine(_directory, "oci.tar"), "1.0");
        MiniaturePublisher.WriteDockerArchive(image, Path.Combine(_directory, "docker.tar"), "miniature:1.0");

        // A copy reads and verifies every blob; inspect would read the manifest only.
        string source = string.Format(CultureInfo.InvariantCulture, reference, _directory);
        ToolRun copy = await ToolRun.RunAsync(skopeo, _directory, "--insecure-policy", "copy", source, $"dir:{_directory}/copied");
        ToolRun inspect = await ToolRun.RunAsync(skopeo, _directory, "inspect", "--config", source);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(copy.ExitCode, Is.Zero, copy.Errors);
            Assert.That(inspect.ExitCode, Is.Zero, inspect.Errors);
            Assert.That(
                JObject.Parse(inspect.Output)["rootfs"]!["diff_ids"]!.Select(d => (string?)d), Is.EqualTo(image.Layers.Select(l => l.DiffId.ToString())));
        }
    }

    [Test]
    public async Task The_docker_archive_holds_uncompressed_layers_in_order()
    {
        MiniatureImage image = await Miniature.ImageAsync();
        string archive = Path.Combine(_directory, "docker.tar");
        MiniaturePublisher.WriteDockerArchive(image, archive, "miniature:1.0");

        Dictionary<string, byte[]> files = ReadFiles(archive);
        JToken manifest = JArray.Parse(Encoding.UTF8.GetString(files["manifest.json"])).Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(manifest["RepoTags"]!.Select(t => (string?)t), Is.EqualTo(["miniature:1.0"]));
            Assert.That(Digest.Of(files[(string)manifest["Config"]!]), Is.EqualTo(image.Config.Digest));
            Assert.That(manifest["Layers"]!.Select(l => Digest.Of(files[(string)l!])), Is.EqualTo(image.Layers.Select(l => l.DiffId)));
        }
    }

    [Test]
    public async Task The_directory_shows_the_merged_tree()
    {
        string root = Path.Combine(_directory, "root");
        MiniaturePublisher.WriteDirectory(await Miniature.ImageAsync(), root);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Path.Combine(root, "etc/deleted"), Does.Not.Exist);
            Assert.That(Path.Combine(root, "opt/opaque/old"), Does.Not.Exist);
            Assert.That(Path.Combine(root, "opt/opaque/older"), Does.Not.Exist);
            Assert.That(Path.Combine(root, "opt/opaque/new"), Does.Exist);
            Assert.That(Directory.GetFiles(root, ".wh.*", SearchOption.AllDirectories), Is.Empty);
            Assert.That(await File.ReadAllTextAsync(Path.Combine(root, "srv/marker-hard")), Is.EqualTo("gridwrap miniature image\n"));
            Assert.That(await File.ReadAllTextAsync(Path.Combine(root, "srv/marker-link")), Is.EqualTo("gridwrap miniature image\n"));
            Assert.That(File.GetUnixFileMode(Path.Combine(root, "opt/private")), Is.EqualTo(MiniatureEntry.OwnerOnly));
            Assert.That(File.GetUnixFileMode(Path.Combine(root, "tmp")), Is.EqualTo(MiniatureEntry.Temporary));
        }
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Every_program_of_the_directory_starts_with_the_directorys_own_libraries()
    {
        NodePrograms programs = await Miniature.ProgramsAsync();
        string root = Path.Combine(_directory, "root");
        MiniaturePublisher.WriteDirectory(await Miniature.ImageAsync(), root);
        Assert.That(ElfFile.TryParse(await File.ReadAllBytesAsync(Path.Combine(root, "bin/sh")), out ElfFile? shell, out string error), Is.True, error);
        if (shell?.Interpreter is null)
        {
            Assert.Ignore("this node's shell is a static program");
        }

        string loader = root + shell!.Interpreter;
        string libraries = string.Join(':', Directory.GetFiles(root, "*.so*", SearchOption.AllDirectories).Select(Path.GetDirectoryName).Distinct());

        // The library path is searched before the node's own directories: --list tells where each library really came from.
        foreach (string program in programs.Programs)
        {
            ToolRun listing = await ToolRun.RunAsync(loader, _directory, "--library-path", libraries, "--list", Path.Combine(root, "bin", program));
            Assert.That(listing.ExitCode, Is.Zero, listing.Output + listing.Errors);
            Assert.That(LoaderListing.Parse(listing.Output).Values, Has.All.StartsWith(root));
        }

        ToolRun run = await ToolRun.RunAsync(loader, _directory, "--library-path", libraries, Path.Combine(root, "bin/sh"), "-c", "echo ok");
        Assert.That(run.Output, Is.EqualTo("ok\n"), run.Errors);
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task Every_program_of_the_directory_runs_with_it_as_root_directory()
    {
        string unshare = ToolRun.FindOrSkip("unshare");
        ToolRun allowed = await ToolRun.RunAsync(unshare, _directory, "--map-root-user", "/bin/true");
        if (allowed.ExitCode != 0)
        {
            Assert.Ignore($"no user namespace for this process: {allowed.Errors}");
        }

        NodePrograms programs = await Miniature.ProgramsAsync();
        string root = Path.Combine(_directory, "root");
        MiniaturePublisher.WriteDirectory(await Miniature.ImageAsync(), root);

        // No --library-path here: the loader finds everything where it looks by itself, through the mirrored directory links.
        string script = string.Join("; ", programs.Programs.Where(p => p is not ("sh" or "false" or "cat")).Select(p => $"{p} {Argument(p)} >/dev/null || echo {p} failed"));
        ToolRun run = await ToolRun.RunAsync(unshare, _directory, "--map-root-user", $"--root={root}", "/bin/sh", "-c", $"{script}; cat /srv/marker");

        Assert.That(run.Output + run.Errors, Is.EqualTo("gridwrap miniature image\n"));
    }

    private static string Argument(string program) => program switch
    {
        "sleep" => "0",
        "mkdir" => "/srv/made",
        _ => "",
    };

    private static Dictionary<string, byte[]> ReadFiles(string archive)
    {
        Dictionary<string, byte[]> files = [];
        using TarReader reader = new(File.OpenRead(archive));
        while (reader.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is not null)
            {
                using MemoryStream content = new();
                entry.DataStream.CopyTo(content);
                files.Add(entry.Name, content.ToArray());
            }
        }

        return files;
    }
}
