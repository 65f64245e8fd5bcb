using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>Pure: the file form of a spool entry, member by member so that nothing depends on reflection. It holds no credentials, because updates hold none.</summary>
internal static class SpoolDocument
{
    internal static string Write(string server, DateTimeOffset written, JobUpdate update)
    {
        JObject members = Identity(update);
        members.Merge(Result(update));
        foreach (JProperty empty in members.Properties().Where(static p => p.Value.Type == JTokenType.Null).ToArray())
        {
            empty.Remove();
        }

        return new JObject { ["server"] = server, ["written"] = Text(written), ["update"] = members }.ToString(Formatting.Indented);
    }

    /// <exception cref="JsonException">Not JSON.</exception>
    /// <exception cref="FormatException">A member is missing or wrong.</exception>
    internal static SpooledUpdate Read(string path, string text)
    {
        using JsonTextReader reader = new(new StringReader(text)) { DateParseHandling = DateParseHandling.None, MaxDepth = 16 };
        JObject document = JObject.Load(reader);
        return (string?)document["server"] is { } server && Time(document["written"]) is { } written && document["update"] is JObject update
            ? new SpooledUpdate(path, server, written, ReadUpdate(update))
            : throw new FormatException("server, written or update is missing");
    }

    private static JObject Identity(JobUpdate update) => new()
    {
        ["jobId"] = update.JobId,
        ["jobStatus"] = update.JobStatus,
        ["attemptNr"] = update.AttemptNr,
        ["siteName"] = update.SiteName,
        ["node"] = update.Node,
        ["schedulerId"] = update.SchedulerId,
        ["pilotId"] = update.PilotId,
        ["batchId"] = update.BatchId,
        ["startTime"] = Text(update.StartTime),
        ["endTime"] = Text(update.EndTime),
        ["jobSubStatus"] = update.JobSubStatus,
        ["grid"] = update.Grid,
        ["sourceSite"] = update.SourceSite,
        ["destinationSite"] = update.DestinationSite,
    };

    private static JObject Result(JobUpdate update) => new()
    {
        ["jobOutputReport"] = update.JobOutputReport,
        ["metaData"] = update.MetaData,
        ["stdout"] = update.Stdout,
        ["coreCount"] = update.CoreCount,
        ["cpuConsumptionTime"] = update.CpuConsumptionTime,
        ["cpuConsumptionUnit"] = update.CpuConsumptionUnit,
        ["cpuArchitectureLevel"] = update.CpuArchitectureLevel,
        ["meanCoreCount"] = update.MeanCoreCount,
        ["cpuConversionFactor"] = update.CpuConversionFactor,
        ["eventCount"] = update.EventCount,
        ["inputFileCount"] = update.InputFileCount,
        ["corruptedFiles"] = update.CorruptedFiles,
        ["maxRss"] = update.MaxRss,
        ["usage"] = update.Usage is { } usage ? SpooledUsage.Write(usage) : null,
        ["jobMetrics"] = update.JobMetrics,
        ["pilotTiming"] = update.PilotTiming,
        ["pilotLog"] = update.PilotLog,
        ["pilotErrorCode"] = update.PilotErrorCode,
        ["pilotErrorDiag"] = update.PilotErrorDiag,
        ["transExitCode"] = update.TransExitCode,
        ["exeErrorCode"] = update.ExeErrorCode,
        ["exeErrorDiag"] = update.ExeErrorDiag,
    };

    private static JobUpdate ReadUpdate(JObject o) => new()
    {
        JobId = (long?)o["jobId"] ?? throw new FormatException("update.jobId is missing"),
        JobStatus = (string?)o["jobStatus"] ?? throw new FormatException("update.jobStatus is missing"),
        AttemptNr = (int?)o["attemptNr"],
        SiteName = (string?)o["siteName"],
        Node = (string?)o["node"],
        SchedulerId = (string?)o["schedulerId"],
        PilotId = (string?)o["pilotId"],
        BatchId = (string?)o["batchId"],
        StartTime = Time(o["startTime"]),
        EndTime = Time(o["endTime"]),
        JobSubStatus = (string?)o["jobSubStatus"],
        Grid = (string?)o["grid"],
        SourceSite = (string?)o["sourceSite"],
        DestinationSite = (string?)o["destinationSite"],
        JobOutputReport = (string?)o["jobOutputReport"],
        MetaData = (string?)o["metaData"],
        Stdout = (string?)o["stdout"],
        CoreCount = (int?)o["coreCount"],
        CpuConsumptionTime = (int?)o["cpuConsumptionTime"],
        CpuConsumptionUnit = (string?)o["cpuConsumptionUnit"],
        CpuArchitectureLevel = (string?)o["cpuArchitectureLevel"],
        MeanCoreCount = (int?)o["meanCoreCount"],
        CpuConversionFactor = (double?)o["cpuConversionFactor"],
        EventCount = (long?)o["eventCount"],
        InputFileCount = (int?)o["inputFileCount"],
        CorruptedFiles = (string?)o["corruptedFiles"],
        MaxRss = (long?)o["maxRss"],
        Usage = o["usage"] is JObject usage ? SpooledUsage.Read(usage) : null,
        JobMetrics = (string?)o["jobMetrics"],
        PilotTiming = (string?)o["pilotTiming"],
        PilotLog = (string?)o["pilotLog"],
        PilotErrorCode = (int?)o["pilotErrorCode"],
        PilotErrorDiag = (string?)o["pilotErrorDiag"],
        TransExitCode = (int?)o["transExitCode"],
        ExeErrorCode = (int?)o["exeErrorCode"],
        ExeErrorDiag = (string?)o["exeErrorDiag"],
    };

    private static string? Text(DateTimeOffset? time) => time?.ToString("O", CultureInfo.InvariantCulture);

    private static DateTimeOffset? Time(JToken? token) =>
        (string?)token is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind) : null;
}
