using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Documentation;

/// <summary>The schema of gridwrap-result.json accepts what the promise describes and nothing else.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ResultSchemaTest
{
    private const string Schema = "docs/schemas/gridwrap-result.schema.json";
    private const string Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private const string Full = $$"""
        {
          "schemaVersion": 1,
          "gridwrapVersion": "0.1.0",
          "node": { "hostName": "wn1", "operatingSystem": "AlmaLinux 9", "kernel": "5.14", "architecture": "amd64", "cpuLevel": "x86-64-v3", "cpuModel": "x", "cores": 8,
                    "memoryBytes": 1, "memoryLimitBytes": null, "uid": 1000, "gid": 1000, "userName": null },
          "job": { "pandaId": 42, "taskId": null, "attempt": 1 },
          "image": { "reference": "docker://docker.io/library/alpine:3.20", "resolved": null, "manifestDigest": "{{Digest}}", "configDigest": null, "platform": "linux/amd64",
                     "verified": "verified", "layers": [{ "digest": "{{Digest}}", "sizeBytes": 5, "source": "registry" }] },
          "plan": { "chosen": { "strategy": "registry", "launcher": "rootless" },
                    "candidates": [{ "strategy": "registry", "launcher": "rootless", "usable": true, "cost": { "bytes": 5, "requests": 3, "files": 2, "seconds": 0.5 }, "reason": "r" },
                                   { "strategy": "cvmfs-flat", "launcher": "rootless", "usable": false, "cost": null, "reason": "no /cvmfs" }] },
          "attempts": [{ "strategy": "registry", "launcher": "rootless", "phase": "payload", "step": null, "errno": null, "blame": null, "message": null, "seconds": 1.5 }],
          "payload": { "exitCode": 0, "signal": null, "startedAt": "2026-11-22T10:00:00.000Z", "endedAt": "2026-11-22T10:00:01Z", "wallSeconds": 1, "cpuSeconds": 0.5, "maxRssBytes": 1000,
                       "oomKilled": false, "stopReason": "none",
                       "usage": { "means": "cgroup", "samples": 2, "maxRssBytes": 2000, "maxPssBytes": 1500, "maxSwapBytes": 0, "maxVirtualBytes": 9000, "avgRssBytes": 1000, "avgPssBytes": 900,
                                  "cgroupPeakBytes": null, "readChars": 1, "writtenChars": 1, "readBytes": 0, "writtenBytes": 0, "maxProcesses": 3, "maxThreads": 9, "diskBytes": 4096 } },
          "outputs": [{ "name": "out", "lfn": "L", "sizeBytes": 0, "adler32": "00000001", "guid": "00000001-0000-4000-8000-0000000000AB", "url": null }],
          "missingOutputs": ["M"],
          "timings": { "probe": 0.1, "resolve": 0.1, "materialise": 0, "launch": 0, "payload": 1, "outputs": 0, "report": 0 },
          "transfer": { "bytesFetched": 5, "requests": 3, "bytesFromCache": 0, "bytesFromCvmfs": 0 },
          "failure": { "blame": "user", "phase": "outputs", "step": "collect-outputs", "errno": null, "pilotErrorCode": 1165, "message": "m", "retryable": false },
          "reporting": { "server": "https://h:25443", "lastState": "finished", "updates": 3, "pending": 0 }
        }
        """;

    [Test]
    public async Task A_full_result_is_accepted() => Assert.That(await SchemaCheck.FaultsAsync(Schema, Full), Is.Empty);

    [Test]
    public async Task A_run_that_never_came_to_a_plan_is_accepted()
    {
        JObject result = JObject.Parse(Full);
        foreach (string key in new[] { "node", "image", "plan", "payload", "reporting" })
        {
            result[key] = null;
        }

        Assert.That(await SchemaCheck.FaultsAsync(Schema, result.ToString()), Is.Empty);
    }

    [Test]
    public async Task Every_key_of_a_result_is_demanded_and_no_other_is_allowed()
    {
        using IDisposable scope = Assert.EnterMultipleScope();
        foreach (JProperty property in JObject.Parse(Full).Descendants().OfType<JProperty>())
        {
            JObject without = JObject.Parse(Full);
            without.SelectToken(property.Path)!.Parent!.Remove();
            Assert.That(await SchemaCheck.FaultsAsync(Schema, without.ToString()), Is.Not.Empty, $"without {property.Path}");

            JObject with = JObject.Parse(Full);
            ((JObject)with.SelectToken(property.Path)!.Parent!.Parent!)["surprise"] = 1;
            Assert.That(await SchemaCheck.FaultsAsync(Schema, with.ToString()), Is.Not.Empty, $"a surprise beside {property.Path}");
        }
    }

    [TestCase("image.verified", "\"yes\"")]
    [TestCase("payload.exitCode", "256")]
    [TestCase("payload.startedAt", "\"2026-11-22 10:00:00\"")]
    [TestCase("payload.stopReason", "\"None\"")]
    [TestCase("payload.usage.means", "\"guess\"")]
    [TestCase("payload.usage.samples", "-1")]
    [TestCase("outputs[0].adler32", "\"1\"")]
    [TestCase("outputs[0].guid", "\"00000001-0000-4000-8000-0000000000ab\"")]
    [TestCase("failure.blame", "\"cern\"")]
    [TestCase("failure.pilotErrorCode", "null")]
    [TestCase("image.layers[0].source", "\"moon\"")]
    [TestCase("image.manifestDigest", "\"sha256:1\"")]
    [TestCase("plan.chosen.strategy", "\"magic\"")]
    [TestCase("schemaVersion", "2")]
    [TestCase("transfer.bytesFetched", "-1")]
    public async Task A_value_outside_its_range_is_refused(string path, string value)
    {
        JObject result = JObject.Parse(Full);
        result.SelectToken(path)!.Replace(JToken.Parse(value));
        Assert.That(await SchemaCheck.FaultsAsync(Schema, result.ToString()), Is.Not.Empty);
    }
}
