using GridWrapper.Images;
using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class SingularityMetadataTests
{
    [TestCase("export PATH=\"/usr/local/bin:/usr/bin\"", "PATH=/usr/local/bin:/usr/bin")]
    [TestCase("export A=\"${A:-\"plain\"}\"", "A=plain")]
    [TestCase("export A=\"${A:-\"with blank = and }\"}\"", "A=with blank = and }")]
    [TestCase("export A=\"${A:-\"cost \\\\$5 \\\\\\\"x\\\\\\\" \\\\`y\\\\` \\\\\\\\z\"}\"", "A=cost $5 \"x\" `y` \\z")]
    [TestCase("export A=\"${A:-\"a\\tb\\u00e9é\\x01\"}\"", "A=a\tbéé\u0001")]
    [TestCase("export A=\"${A:-\"\"}\"", "A=")]
    public void A_variable_gets_back_the_image_s_own_value(string line, string expected) =>
        Assert.That(SingularityMetadata.ParseEnvironment("#!/bin/sh\n" + line + "\n"), Is.EqualTo((string[])[expected]));

    [TestCase("export A=\"${A:-}\"")]
    [TestCase("export A=$(rm -rf /)")]
    [TestCase("A=\"b\"")]
    [TestCase("# export A=\"b\"")]
    [TestCase("")]
    public void Other_lines_say_nothing(string line) => Assert.That(SingularityMetadata.ParseEnvironment(line), Is.Empty);

    [TestCase("'\"/bin/sh\" \"-c\" \"fortune; cowsay\"'", "/bin/sh|-c|fortune; cowsay")]
    [TestCase("'\"a\\\"b\" \"c\\$d\" \"\"'", "a\"b|c$d|")]
    [TestCase("'\"it'\\''s\"'", "it's")]
    [TestCase("'\"it's\"'", "it's")]
    [TestCase("'\"two\nlines\"'", "two\nlines")]
    [TestCase("''", null)]
    public void The_runscript_s_lists_are_read(string text, string? expected)
    {
        string runscript = $"#!/bin/sh\nOCI_ENTRYPOINT={text}\nOCI_CMD=''\nCMDLINE_ARGS=\"\"\n";
        Assert.That(SingularityMetadata.ParseArguments(runscript, "OCI_ENTRYPOINT"), Is.EqualTo(expected?.Split('|') ?? []));
    }

    [Test]
    public void Nothing_in_both_files_is_no_configuration() =>
        Assert.That(SingularityMetadata.Parse("", "#!/bin/sh\nexec /bin/sh\n", new Platform("linux", "amd64")), Is.Null);
}
