using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>A PanDA job as the server hands it out, with the fields that matter here.</summary>
internal sealed record TestJob
{
    internal const string Lfn = "user.tester.15012345._000001.out.json";
    internal const string LogLfn = "user.tester.gw.log.15012345.000001.log.tgz";

    /// <summary>What the image's payload program writes.</summary>
    internal const string Content = "{\"image\":\"busybox\",\"events\":3}\n";

    /// <summary>Its checksum.</summary>
    internal const string Adler32 = "aa110a46";

    public long PandaId { get; init; } = 4012345678;

    public string Exec { get; init; } = "payload out.json";

    public string Image { get; init; } = $"docker://{Testbed.Repository}:gzip";

    public string OutMap { get; init; } = $"{{'out.json': '{Lfn}'}}";

    public string OutFiles { get; init; } = $"{Lfn},{LogLfn}";

    internal string JobParameters =>
        $"-j \"\" --sourceURL https://aipanda078.cern.ch:25443 -r . -o \"{OutMap}\" -p \"{Uri.EscapeDataString(Exec)}\" --containerImage {Image} ";

    /// <summary>The words of the transform's command line.</summary>
    internal string[] Words =>
        ["-j", "", "--sourceURL", "https://aipanda078.cern.ch:25443", "-r", ".", "-o", OutMap, "-p", Uri.EscapeDataString(Exec), "--containerImage", Image];

    internal string Json => Document.ToString(Formatting.None);

    internal JObject Document => new()
    {
        ["StatusCode"] = 0,
        ["PandaID"] = PandaId,
        ["taskID"] = 15012345,
        ["attemptNr"] = 2,
        ["prodSourceLabel"] = "user",
        ["processingType"] = "panda-client-2.0.2-jedi-cont",
        ["swRelease"] = "NULL",
        ["transformation"] = "http://pandaserver.cern.ch:25080/trf/user/runcontainer",
        ["inFiles"] = "",
        ["outFiles"] = OutFiles,
        ["logFile"] = LogLfn,
        ["logGUID"] = "d5e94b1e-6f6e-4a43-8a02-0f7c1b6a5d10",
        ["scopeOut"] = "user.tester",
        ["scopeLog"] = "user.tester",
        ["ddmEndPointOut"] = ",",
        ["dispatchDBlockTokenForOut"] = "NULL,NULL",
        ["coreCount"] = 1,
        ["maxWalltime"] = 3600,
        ["jobPars"] = JobParameters,
        ["container_name"] = Image,
        ["ioIntensity"] = null,
        ["reqID"] = "NULL",
    };

    /// <summary>The job as the form that older servers answer with.</summary>
    internal string Form => string.Join('&', Document.Properties().Select(p => $"{p.Name}={Encode(p.Value.Type == JTokenType.Null ? "None" : p.Value.ToString())}"));

    internal static string Encode(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);
}
