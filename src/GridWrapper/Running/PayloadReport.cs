using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>What a payload says of itself in the jobReport.json that it left (or in the userJobMetadata.json that became it).</summary>
internal sealed record PayloadReport
{
    /// <summary>The pilot passes on 1 MB of it at most.</summary>
    private const long LimitBytes = 16 * 1024 * 1024;

    private static readonly RoomLog Log = new(nameof(PayloadReport));

    public int? ExitCode { get; init; }

    /// <summary>Events that were processed; null where it does not say.</summary>
    public long? Events { get; init; }

    /// <summary>Sizes of the outputs that it lists, null where it does not give one; itself null where it has no list of outputs.</summary>
    public ImmutableDictionary<string, long?>? Outputs { get; init; }

    /// <summary>Null where there is none that can be read.</summary>
    internal static PayloadReport? Read(string directory)
    {
        string path = Path.Combine(directory, JobReportDocument.FileName);
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > LimitBytes)
            {
                return null;
            }

            using JsonTextReader reader = new(new StringReader(File.ReadAllText(path))) { DateParseHandling = DateParseHandling.None, MaxDepth = 64 };
            return JToken.Load(reader) is JObject report ? Of(report) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.Warn("{Path} is no use: {Message}", path, e is JsonException ? e.Message : FileTrouble.Describe(e));
            return null;
        }
    }

    private static PayloadReport Of(JObject report) => new()
    {
        ExitCode = (int?)Integer(report["exitCode"]),
        Events = Integer(report.SelectToken("resource.transform.processedEvents")) ?? EventsOfOutputs(report),
        Outputs = report.SelectToken("files.output") is JArray outputs
            ? outputs.SelectMany(static o => Files(o)).Where(static f => (string?)(f["name"] as JValue) is { Length: > 0 })
                .GroupBy(static f => (string)f["name"]!, StringComparer.Ordinal).ToImmutableDictionary(static g => g.Key, static g => Integer(g.First()["file_size"]), StringComparer.Ordinal)
            : null,
    };

    /// <summary>The largest number of entries of an output: each holds what was selected of the events.</summary>
    private static long? EventsOfOutputs(JObject report) =>
        report.SelectToken("files.output") is JArray outputs ? outputs.SelectMany(static o => Files(o)).Max(static f => Integer(f["nentries"])) : null;

    private static IEnumerable<JObject> Files(JToken output) => output is JObject o && o["subFiles"] is JArray files ? files.OfType<JObject>() : [];

    private static long? Integer(JToken? token) => token switch
    {
        JValue { Type: JTokenType.Integer, Value: long number } when number is >= 0 and <= int.MaxValue => number,
        JValue { Type: JTokenType.String, Value: string text } when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number <= int.MaxValue => number,
        _ => null,
    };
}
