using GridWrapper.Diagnostics;
using GridWrapper.Images;

namespace GridWrapper.Tests.Images;

[Parallelizable(ParallelScope.All)]
internal sealed class ManifestReaderTests
{
    private const string A = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    private const string B = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    private const string Config = $$"""{"mediaType": "{{MediaTypes.OciConfig}}", "digest": "{{A}}", "size": 10}""";
    private const string Layer = $$"""{"mediaType": "{{MediaTypes.OciLayerGzip}}", "digest": "{{B}}", "size": 20}""";
    private const string Entry = $$"""{"mediaType": "{{MediaTypes.OciManifest}}", "digest": "{{A}}", "size": 5, "platform": {"os": "linux", "architecture": "amd64"} }""";

    private static string Image(string config = Config, string layers = Layer, string extra = "") => $$"""{"schemaVersion": 2, {{extra}}"config": {{config}}, "layers": [{{layers}}]}""";

    private static ManifestDocument Read(string json, string? contentType = null) => ManifestReader.Read(Encoding.UTF8.GetBytes(json), contentType, "docker://h.x/a:t");

    private static string Fault(string json, string? contentType = null) => Assert.Throws<GridWrapperException>(() => Read(json, contentType))!.Message;

    [TestCase(null, null, MediaTypes.OciManifest)]
    [TestCase("application/json", null, MediaTypes.OciManifest)]
    [TestCase("application/vnd.oci.image.manifest.v1+json; charset=utf-8", null, MediaTypes.OciManifest)]
    [TestCase("application/vnd.docker.distribution.manifest.v2+json", null, MediaTypes.DockerManifest)]
    [TestCase("application/octet-stream", "application/vnd.docker.distribution.manifest.v2+json", MediaTypes.DockerManifest)]
    [TestCase("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.v2+json", MediaTypes.DockerManifest)]
    public void ReadsAnImageManifest(string? contentType, string? own, string expected)
    {
        string json = Image(extra: own is null ? "" : $"\"mediaType\": \"{own}\", ");

        ImageManifest manifest = ((ManifestDocument.Image)Read(json, contentType)).Manifest;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(manifest.MediaType, Is.EqualTo(expected));
            Assert.That(manifest.Digest, Is.EqualTo(Digest.Of(Encoding.UTF8.GetBytes(json))));
            Assert.That(manifest.Config.Digest.ToString(), Is.EqualTo(A));
            Assert.That(manifest.Layers.Single().SizeBytes, Is.EqualTo(20));
        }
    }

    [Test]
    public void KeepsUrlsAndAnnotations()
    {
        string layer = $$"""{"mediaType": "{{MediaTypes.DockerForeignLayerGzip}}", "digest": "{{B}}", "size": 1, "urls": ["https://h.x/l"], "annotations": {"k": "v"} }""";

        Descriptor read = ((ManifestDocument.Image)Read(Image(layers: layer))).Manifest.Layers.Single();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.Urls, Is.EqualTo(new[] { "https://h.x/l" }));
            Assert.That(read.Annotations["k"], Is.EqualTo("v"));
            Assert.That(MediaTypes.IsForeignLayer(read.MediaType), Is.True);
        }
    }

    [TestCase(null, MediaTypes.OciIndex)]
    [TestCase(MediaTypes.DockerList, MediaTypes.DockerList)]
    public void ReadsAnIndex(string? contentType, string expected)
    {
        var index = (ManifestDocument.Index)Read($$"""{"schemaVersion": 2, "manifests": [{{Entry}}]}""", contentType);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(index.MediaType, Is.EqualTo(expected));
            Assert.That(index.Manifests.Single().Platform, Is.EqualTo(new Platform("linux", "amd64")));
        }
    }

    [Test]
    public void OldDockerConfigTypesPassInDockerManifestsOnly()
    {
        string json = Image(config: Config.Replace(MediaTypes.OciConfig, "application/octet-stream", StringComparison.Ordinal));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Read(json, MediaTypes.DockerManifest), Is.TypeOf<ManifestDocument.Image>());
            Assert.That(Fault(json, MediaTypes.OciManifest), Does.Contain("not a container image but an artifact"));
        }
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        string tooMany = string.Join(',', Enumerable.Repeat(Layer, 1001));
        yield return Case("both readings", $$"""{"schemaVersion": 2, "config": {{Config}}, "layers": [{{Layer}}], "manifests": [{{Entry}}]}""", null, "CVE-2021-41190");
        yield return Case("layers and manifests only", $$"""{"schemaVersion": 2, "layers": [], "manifests": []}""", MediaTypes.OciIndex, "CVE-2021-41190");
        yield return Case("header against document", Image(extra: $"\"mediaType\": \"{MediaTypes.DockerManifest}\", "), MediaTypes.OciManifest, "the document calls itself");
        yield return Case("manifest called index", Image(), MediaTypes.OciIndex, "is called an index");
        yield return Case("index called manifest", $$"""{"schemaVersion": 2, "manifests": []}""", MediaTypes.OciManifest, "is called an image manifest");
        yield return Case("schema 1", """{"schemaVersion": 1, "fsLayers": []}""", MediaTypes.DockerSchema1Signed, "Docker's schema 1");
        yield return Case("schema 1 in disguise", """{"schemaVersion": 2, "fsLayers": []}""", MediaTypes.DockerManifest, "Docker's schema 1");
        yield return Case("no schemaVersion", $$"""{"config": {{Config}}, "layers": [{{Layer}}]}""", null, "schemaVersion is missing");
        yield return Case("schemaVersion as text", $$"""{"schemaVersion": "2", "config": {{Config}}, "layers": [{{Layer}}]}""", null, "schemaVersion is \"2\", not 2");
        yield return Case("other type", Image(), "application/vnd.cncf.notary.v1", "neither an image manifest nor an index");
        yield return Case("mediaType not text", Image(extra: "\"mediaType\": 5, "), null, "mediaType is a number");
        yield return Case("no config", $$"""{"schemaVersion": 2, "layers": [{{Layer}}]}""", null, "there is no config");
        yield return Case("no layers", $$"""{"schemaVersion": 2, "config": {{Config}}}""", null, "there is no layers");
        yield return Case("empty layers", Image(layers: ""), null, "lists no layers");
        yield return Case("layers not a list", $$"""{"schemaVersion": 2, "config": {{Config}}, "layers": {} }""", null, "layers is an object, not an array");
        yield return Case("1001 layers", Image(layers: tooMany), null, "layers has 1001 entries; at most 1000");
        yield return Case("negative size", Image(layers: Layer.Replace("20", "-1", StringComparison.Ordinal)), null, "layers[0] has the size -1");
        yield return Case("huge size", Image(layers: Layer.Replace("20", "99999999999999999999", StringComparison.Ordinal)), null, "layers[0] has the size 99999999999999999999");
        yield return Case("size not whole", Image(layers: Layer.Replace("20", "2.5", StringComparison.Ordinal)), null, "layers[0] has the size 2.5");
        yield return Case("no size", Image(layers: Layer.Replace("\"size\": 20", "\"x\": 1", StringComparison.Ordinal)), null, "layers[0] has no size");
        yield return Case("upper-case digest", Image(layers: Layer.Replace("bbbb", "BBBB", StringComparison.Ordinal)), null, "only sha256:");
        yield return Case("sha512", Image(layers: Layer.Replace("sha256", "sha512", StringComparison.Ordinal)), null, "only sha256:");
        yield return Case("path in digest", Image(layers: Layer.Replace("bbbb", "../.", StringComparison.Ordinal)), null, "has the digest");
        yield return Case("no digest", Image(layers: Layer.Replace("digest", "x", StringComparison.Ordinal)), null, "layers[0] has no digest");
        yield return Case("layer a string", Image(layers: "\"x\""), null, "layers[0] is a string, not an object");
        yield return Case("unknown layer", Image(layers: Layer.Replace("tar+gzip", "tar+lzma", StringComparison.Ordinal)), null, "is of a type that is not known: 'application/vnd.oci.image.layer.v1.tar+lzma'");
        yield return Case("encrypted layer", Image(layers: Layer.Replace("tar+gzip", "tar+gzip+encrypted", StringComparison.Ordinal)), null, "is encrypted");
        yield return Case("helm chart", Image(config: Config.Replace(MediaTypes.OciConfig, "application/vnd.cncf.helm.config.v1+json", StringComparison.Ordinal)), null, "an artifact of type 'application/vnd.cncf.helm.config.v1+json'");
        yield return Case("sif", Image(config: Config.Replace(MediaTypes.OciConfig, "application/vnd.sylabs.sif.config.v1+json", StringComparison.Ordinal)), null, "apptainer pull");
        yield return Case("artifactType", Image(config: Config.Replace(MediaTypes.OciConfig, "application/vnd.oci.empty.v1+json", StringComparison.Ordinal), extra: "\"artifactType\": \"text/spdx\", "), null, "an artifact of type 'text/spdx'");
        yield return Case("artifact with the empty descriptor for all", $$$"""{"schemaVersion": 2, "artifactType": "application/vnd.example+type", "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2, "data": "e30="}, "layers": [{"mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "size": 2}], "subject": {{{Config}}}}""", MediaTypes.OciManifest, "an artifact of type 'application/vnd.example+type'");
        yield return Case("empty configuration without artifactType", Image(config: Config.Replace(MediaTypes.OciConfig, "application/vnd.oci.empty.v1+json", StringComparison.Ordinal)), MediaTypes.OciManifest, "an artifact of type 'application/vnd.oci.empty.v1+json'");
        yield return Case("cosign signature", Image(layers: Layer.Replace(MediaTypes.OciLayerGzip, SignatureTypes.SimpleSigning, StringComparison.Ordinal)), MediaTypes.OciManifest, "is of a type that is not known");
        yield return Case("schema 1 unsigned", """{"schemaVersion": 1, "name": "a", "tag": "1", "architecture": "amd64", "fsLayers": [{"blobSum": "sha256:aa"}], "history": []}""", MediaTypes.DockerSchema1, "Docker's schema 1");
        yield return Case("schema 1 called json", """{"schemaVersion": 1, "name": "a", "tag": "1", "fsLayers": []}""", "application/json", "Docker's schema 1");
        yield return Case("duplicate key", $$"""{"schemaVersion": 2, "config": {{Config}}, "layers": [], "layers": [{{Layer}}]}""", null, "not valid JSON");
        yield return Case("urls not texts", Image(layers: Layer.Replace("\"size\"", "\"urls\": [1], \"size\"", StringComparison.Ordinal)), null, "urls is not a list of strings");
        yield return Case("truncated", Image()[..60], MediaTypes.OciManifest, "not valid JSON");
        yield return Case("trailing text", Image() + "{}", null, "Additional text");
        yield return Case("a page", "<!DOCTYPE html><html>", "text/html", "web page");
        yield return Case("list", "[]", null, "not a JSON object");
        yield return Case("empty", " ", null, "it is empty");
        yield return Case("deep", string.Concat(Enumerable.Repeat("{\"a\":", 100)), null, "MaxDepth");

        static TestCaseData Case(string name, string json, string? contentType, string part) => new TestCaseData(json, contentType, part).SetName($"Refuses({name})");
    }

    [TestCaseSource(nameof(Wrong))]
    public void Refuses(string json, string? contentType, string part)
    {
        string message = Fault(json, contentType);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(message, Does.Contain(part));
            Assert.That(message, Does.Contain("docker://h.x/a:t"));
        }
    }

    [Test]
    public void AllFaultsStandInOneMessage()
    {
        string message = Fault(Image(config: Config.Replace("10", "-1", StringComparison.Ordinal), layers: Layer.Replace("sha256", "md5", StringComparison.Ordinal) + ",7"));

        Assert.That(message, Does.Contain("config has the size -1").And.Contain("layers[0] has the digest 'md5:").And.Contain("layers[1] is a number"));
    }

    [Test]
    public void BlameIsTheRegistrysOnlyWhereItServedSomethingElse()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Assert.Throws<GridWrapperException>(() => Read("<html>", "text/html"))!.Failure, Has.Property("Blame").EqualTo(Blame.Registry).And.Property("Retryable").True);
            Assert.That(Assert.Throws<GridWrapperException>(() => Read("{}"))!.Failure, Has.Property("Blame").EqualTo(Blame.Image).And.Property("Retryable").False);
        }
    }

    [TestCase(-1, true)]
    [TestCase(0, true)]
    [TestCase(1, false)]
    public void TheLimitIsFourMebibytes(int beyond, bool accepted)
    {
        string json = Image().PadRight(ManifestReader.MaxBytes + beyond);

        Assert.That(() => Read(json), accepted ? Throws.Nothing : Throws.TypeOf<GridWrapperException>().With.Message.Contains("more than the limit of 4194304"));
    }

    [Test]
    public void NotUtf8IsToldWithItsPlace()
    {
        byte[] bytes = [.. "{\"a\": \""u8, 0xff, .. "\"}"u8];

        Assert.That(() => ManifestReader.Read(bytes, null, "x"), Throws.TypeOf<GridWrapperException>().With.Message.Contains("not UTF-8 text (bad byte at offset 7)"));
    }

    private static string Cvmfs(string version = "2", string config = A) =>
        $$"""{"SchemaVersion":{{version}},"MediaType":"{{MediaTypes.DockerManifest}}","Config":{"MediaType":"{{MediaTypes.DockerConfig}}","Size":10,"Digest":"{{config}}" },"Layers":[{"MediaType":"{{MediaTypes.DockerLayerGzip}}","Size":20,"Digest":"{{B}}"}]}""";

    [TestCase(false)]
    [TestCase(true)]
    public void ReadsCvmfsMetadataInEitherCase(bool lower)
    {
        string json = lower ? Image() : Cvmfs();

        CvmfsImageMetadata metadata = ManifestReader.ReadCvmfsMetadata(Encoding.UTF8.GetBytes(json), "/cvmfs/x/manifest.json");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(metadata.Config.Digest.ToString(), Is.EqualTo(A));
            Assert.That(metadata.Layers.Single().Digest.ToString(), Is.EqualTo(B));
        }
    }

    [TestCase("", "it is empty")]
    [TestCase("{\"SchemaVersion\":", "not valid JSON")]
    [TestCase("[]", "not a JSON object")]
    [TestCase("{\"SchemaVersion\":1}", "schema 1")]
    [TestCase("{\"SchemaVersion\":2,\"Manifests\":[]}", "there is no config")]
    public void RefusesCvmfsMetadata(string json, string part)
    {
        GridWrapperException e = Assert.Throws<GridWrapperException>(() => ManifestReader.ReadCvmfsMetadata(Encoding.UTF8.GetBytes(json), "/cvmfs/x/manifest.json"))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(e.Message, Does.Contain(part).And.Contain("/cvmfs/x/manifest.json"));
            Assert.That(e.Failure.Blame, Is.EqualTo(Blame.Cvmfs));
        }
    }
}
