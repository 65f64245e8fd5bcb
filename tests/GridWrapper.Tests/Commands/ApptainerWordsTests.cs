using GridWrapper.Commands;
using GridWrapper.Diagnostics;

namespace GridWrapper.Tests.Commands;

/// <summary>Apptainer's command line by its own rules, with the lines that pilots are known to write.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ApptainerWordsTests
{
    private static ApptainerWords Read(params string[] words) => ApptainerWords.Read("exec", ApptainerOption.OfRun, [.. words]);

    private static string Shown(ApptainerWords words) => string.Join(' ', words.Given.Select(g => $"{g.Meaning}={g.Value}"));

    [TestCase("-ci image cmd", "Contain=true Holds=true", "image cmd")]
    [TestCase("-C --pwd /d -B /a:/b image ./run -B x", "ContainAll=true InitialDirectory=/d Bind=/a:/b", "image ./run -B x")]
    [TestCase("-B/a:/b --bind=/c image cmd", "Bind=/a:/b Bind=/c", "image cmd")]
    [TestCase("--nv=false --contain=true image cmd", "Contain=true", "image cmd")]
    [TestCase("--cwd /x -- image --nv", "InitialDirectory=/x", "image --nv")]
    [TestCase("--contain --ipc --workdir /b --home /tmp --userns --bind /cvmfs image cmd", "Contain=true Holds=true WorkDirectory=/b Home=/tmp Holds=true Bind=/cvmfs", "image cmd")]
    [TestCase("--home /w:/srv --pwd /srv --ipc --contain --pid --bind /etc/hosts image cat /proc/self/uid_map", "Home=/w:/srv InitialDirectory=/srv Holds=true Contain=true Holds=true Bind=/etc/hosts", "image cat /proc/self/uid_map")]
    public void Lines(string line, string given, string rest)
    {
        ApptainerWords words = Read(line.Split(' '));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Shown(words), Is.EqualTo(given));
            Assert.That(string.Join(' ', words.Rest), Is.EqualTo(rest));
        }
    }

    [TestCase("--no-such image", "has no option --no-such")]
    [TestCase("--contian image", "--contain")]
    [TestCase("-cz image", "has no option -z")]
    [TestCase("--network none image", "has no option --network")]
    [TestCase("-w image", "has no option -w")]
    [TestCase("--bind", "--bind needs a value")]
    public void What_is_not_known_is_refused_by_name(string line, string part) =>
        Assert.That(() => Read(line.Split(' ')), Throws.TypeOf<GridWrapperException>().With.Message.Contains(part).And.Property(nameof(GridWrapperException.Failure)).Property(nameof(Failure.ExitCode)).EqualTo(ExitCodes.Usage));

    [Test]
    public void An_empty_bind_is_a_value_as_any_other() => Assert.That(Read("--bind", "", "image").Rest, Is.EqualTo((string[])["image"]));

    [Test]
    public void Variables_ask_for_the_same_and_the_command_line_comes_last()
    {
        Dictionary<string, string> environment = new()
        {
            ["SINGULARITY_BINDPATH"] = "/s",
            ["APPTAINER_BIND"] = "/a",
            ["APPTAINER_CONTAIN"] = "1",
            ["APPTAINER_NV"] = "false",
            ["SINGULARITY_HOME"] = "",
        };
        Assert.That(Shown(Read("-B", "/c", "image").With(ApptainerOption.OfRun, environment)), Is.EqualTo("Contain=true Bind=/s Bind=/a Bind=/c"));
    }

    [TestCase("apptainer", "exec", "Apptainer")]
    [TestCase("singularity", "exec", "Apptainer")]
    [TestCase("gridwrap", "apptainer", "Apptainer")]
    [TestCase("gridwrap", "alrb", "Alrb")]
    [TestCase("gridwrap", "exec", null)]
    [TestCase("runcontainer", "-p", null)]
    public void Faces_are_told_by_name_and_by_first_word(string program, string first, string? expected) =>
        Assert.That(Faces.Of(program, [first, "x"])?.GetType().Name, Is.EqualTo(expected));

    [TestCase("image", "/here/image")]
    [TestCase("./image.sif", "/here/image.sif")]
    [TestCase("/cvmfs/x/y:1", "/cvmfs/x/y:1")]
    [TestCase("docker://alpine:3.7", "docker://alpine:3.7")]
    [TestCase("oci:dir:tag", "oci:dir:tag")]
    [TestCase("library://x", "library://x")]
    public void A_bare_word_is_a_path(string image, string expected) => Assert.That(ApptainerFace.Reference(image, "/here"), Is.EqualTo(expected));

    [Test]
    public void A_pulled_file_stands_for_its_image()
    {
        string file = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N"));
        try
        {
            PulledImage.Write(file, "docker://h/i@sha256:0");
            Assert.That(PulledImage.Read(file), Is.EqualTo("docker://h/i@sha256:0"));
            File.WriteAllText(file, "something else");
            Assert.That(PulledImage.Read(file), Is.Null);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
