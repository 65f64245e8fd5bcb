using GridWrapper.Images;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>Registries that refuse, fail or serve something else, and manifests and configurations that are none.</summary>
internal static class RegistryCases
{
    private const string Other = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    internal static IEnumerable<BadCase> All =>
    [
        new()
        {
            Name = "registry that nobody listens for",
            Prepare = _ => ["plan", "docker://127.0.0.1:1/nobody/listens:1"],
            Exit = 125,
            Blame = "registry",
            Step = "fetch-manifest",
            Pilot = 1306,
            Says = ["127.0.0.1:1", "Connection refused"],
        },
        Answering("registry without the image", ScriptedAnswer.Text(404, "application/json", """{"errors":[{"code":"NAME_UNKNOWN"}]}"""), "user", 1360, "404", "bad/image"),
        Answering("registry that wants to know who asks", Unauthorised, "user", 1360, "401", "--registry-config"),
        Answering("registry that refuses", ScriptedAnswer.Text(403, "text/plain", "no"), "user", 1360, "403"),
        Answering("registry that is asked too often", Limited, "registry", 1306, "429"),
        Answering("registry that fails", ScriptedAnswer.Text(500, "text/plain", "oops"), "registry", 1306, "500"),
        Answering("registry that answers with a page", ScriptedAnswer.Text(200, "text/html", "<html>log in</html>"), "registry", 1306, "web page", "log-in"),
        Answering("registry that answers with nothing", ScriptedAnswer.Text(200, "application/json", ""), "registry", 1309, "empty") with { Step = "read-manifest" },
        Answering("registry that leads in a circle", ScriptedAnswer.Text(307, "text/plain", "") with { Headers = [$"Location: /v2/{ScriptedRegistry.Repository}/manifests/1"] }, "registry", 1306, "redirect"),
        Manifest("manifest under a wrong digest", i => i, "verify-digest", "wrong bytes") with { Prepare = bed => ["plan", ByDigest(bed)], Blame = "registry" },
        Manifest("manifest that is truncated", i => i with { Manifest = i.Right().ToString()[..100] }, "read-manifest", "JSON") with { Blame = "registry" },
        Manifest("manifest of the first kind", i => i with { Manifest = """{"schemaVersion": 1, "name": "a", "tag": "1", "fsLayers": []}""", ManifestType = "application/vnd.docker.distribution.manifest.v1+prettyjws" }, "read-manifest", "schema 1"),
        Manifest("index without our platform", i => Index(i), "select-platform", "s390x", "amd64") with { Pilot = 1360 },
        Manifest("manifest of something that is no image", Artifact, "read-manifest", "artifact"),
        Manifest("configuration that is no JSON", i => i with { Config = "hello" }, "read-image-config", "JSON", "'hello'"),
        Manifest("configuration with too many layers", i => i with { DiffIds = [Digest.Of(i.Tar).ToString(), Other] }, "read-manifest", "1 layers", "2 diff_ids"),
        Manifest("manifest with faults everywhere", i => i with { Manifest = """{"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "x", "size": -1}, "layers": [{}]}""" }, "read-manifest", "the digest 'x'", "the size -1", "layers[0]"),
    ];

    private static ScriptedAnswer Unauthorised => ScriptedAnswer.Text(401, "application/json", """{"errors":[{"code":"UNAUTHORIZED"}]}""") with { Headers = ["WWW-Authenticate: Basic realm=\"bad\""] };

    private static ScriptedAnswer Limited => ScriptedAnswer.Text(429, "application/json", """{"errors":[{"code":"TOOMANYREQUESTS"}]}""") with { Headers = ["Retry-After: 0"] };

    private static BadCase Answering(string name, ScriptedAnswer answer, string blame, int pilot, params string[] says) => new()
    {
        Name = name,
        Prepare = bed => ["plan", bed.Keep(new ScriptedRegistry { Otherwise = answer }).Reference],
        Exit = 125,
        Blame = blame,
        Step = "fetch-manifest",
        Pilot = pilot,
        Says = says,
    };

    private static BadCase Manifest(string name, Func<TinyImage, TinyImage> change, string step, params string[] says) => new()
    {
        Name = name,
        Prepare = bed => ["plan", bed.Keep(new ScriptedRegistry()).Serve(change(new TinyImage()))],
        Exit = 125,
        Blame = "image",
        Step = step,
        Pilot = 1309,
        Says = says,
    };

    private static string ByDigest(BadInputBed bed)
    {
        ScriptedRegistry registry = bed.Keep(new ScriptedRegistry { Otherwise = new TinyImage().ManifestAnswer });
        return registry.Reference[..^2] + "@" + Other;
    }

    private static TinyImage Index(TinyImage image)
    {
        JObject descriptor = new()
        {
            ["mediaType"] = MiniatureImage.OciManifestType,
            ["digest"] = Other,
            ["size"] = 300,
            ["platform"] = new JObject { ["architecture"] = "s390x", ["os"] = "linux" },
        };
        JObject index = new() { ["schemaVersion"] = 2, ["mediaType"] = MiniatureImage.OciIndexType, ["manifests"] = new JArray(descriptor) };
        return image with { Manifest = index.ToString(), ManifestType = MiniatureImage.OciIndexType };
    }

    private static TinyImage Artifact(TinyImage image)
    {
        JObject manifest = image.Right();
        manifest["artifactType"] = "application/vnd.example.sbom+json";
        manifest["config"]!["mediaType"] = "application/vnd.oci.empty.v1+json";
        manifest["layers"]![0]!["mediaType"] = "application/spdx+json";
        return image with { Manifest = manifest.ToString() };
    }
}
