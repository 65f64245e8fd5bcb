using GridWrapper.Diagnostics;
using GridWrapper.Images;

namespace GridWrapper.Tests.Images;

[Parallelizable(ParallelScope.All)]
internal sealed class ImageConfigReaderTests
{
    private const string A = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    private static ImageConfig Read(string json) => ImageConfigReader.Read(Encoding.UTF8.GetBytes(json), "docker://h.x/a");

    [Test]
    public void ReadsWhatRunningNeeds()
    {
        string json = $$"""
            {"architecture": "arm64", "variant": "v8", "os": "linux", "created": "2020-01-01T00:00:00Z",
             "config": {"Env": ["PATH=/bin", "A=b=c"], "Entrypoint": ["/e"], "Cmd": ["x", "y"], "WorkingDir": "/w", "User": "1:2", "StopSignal": "SIGINT", "Volumes": {"/v": {} } },
             "rootfs": {"type": "layers", "diff_ids": ["{{A}}"] } }
            """;

        ImageConfig config = Read(json);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.Digest, Is.EqualTo(Digest.Of(Encoding.UTF8.GetBytes(json))));
            Assert.That(config.Platform, Is.EqualTo(new Platform("linux", "arm64", "v8")));
            Assert.That(config.Env, Is.EqualTo(new[] { "PATH=/bin", "A=b=c" }));
            Assert.That(config.Entrypoint, Is.EqualTo(new[] { "/e" }));
            Assert.That(config.Cmd, Is.EqualTo(new[] { "x", "y" }));
            Assert.That((config.WorkingDir, config.User, config.StopSignal), Is.EqualTo(("/w", "1:2", "SIGINT")));
            Assert.That(config.Volumes, Is.EqualTo(new[] { "/v" }));
            Assert.That(config.DiffIds.Single().ToString(), Is.EqualTo(A));
        }
    }

    [TestCase("null")]
    [TestCase("{}")]
    [TestCase("""{"Env": null, "Entrypoint": null, "Cmd": null, "WorkingDir": null, "User": null, "StopSignal": null, "Volumes": null}""")]
    public void NullAndAbsentAreTheSame(string run)
    {
        ImageConfig config = Read($$"""{"os": null, "config": {{run}}, "rootfs": {"diff_ids": [] } }""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.Platform, Is.EqualTo(new Platform("linux", "unknown")));
            Assert.That(config.Env.Length + config.Cmd.Length + config.Entrypoint.Length + config.Volumes.Length, Is.Zero);
            Assert.That(config.WorkingDir + config.User + config.StopSignal, Is.Empty);
        }
    }

    [Test]
    public void ASingleStringIsAListOfOne() =>
        Assert.That(Read("""{"config": {"Entrypoint": "/init"}, "rootfs": {"diff_ids": []}}""").Entrypoint, Is.EqualTo(new[] { "/init" }));

    [TestCase("{}", "no list rootfs.diff_ids")]
    [TestCase("""{"rootfs": {"diff_ids": ["sha256:1"]}}""", "rootfs.diff_ids[0] is 'sha256:1'")]
    [TestCase("""{"rootfs": {"diff_ids": [7]}}""", "rootfs.diff_ids[0] is '7'")]
    [TestCase("""{"rootfs": [], "config": []}""", "config is an array, not an object")]
    [TestCase("""{"rootfs": {"diff_ids": []}, "config": {"Env": [1]}}""", "Env[0] is a number, not a string")]
    [TestCase("""{"rootfs": {"diff_ids": []}, "config": {"Cmd": ["a\u0000b"]}}""", "Cmd[0] holds a NUL character: 'a\\x00b'")]
    [TestCase("""{"rootfs": {"diff_ids": []}, "config": {"User": {}}}""", "User is an object")]
    [TestCase("[]", "not a JSON object")]
    [TestCase("", "it is empty")]
    [TestCase("{\"rootfs\"", "not valid JSON")]
    public void Refuses(string json, string part) =>
        Assert.That(() => Read(json), Throws.TypeOf<GridWrapperException>().With.Message.Contains(part).And.Message.Contains("the configuration of docker://h.x/a cannot be used"));
}
