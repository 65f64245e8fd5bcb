using GridWrapper.Launching;
using GridWrapper.Outputs;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>Pure: the jobReport.json that is written when the payload left none of its own; the members are those that pilots and the server read.</summary>
internal static class JobReportDocument
{
    internal const string FileName = "jobReport.json";

    /// <param name="run">How the payload ended; null when it never started.</param>
    /// <param name="outputs">What is delivered.</param>
    /// <param name="inputs">LFNs of the inputs.</param>
    /// <param name="node">Host name.</param>
    internal static string Build(RunResult? run, OutputSet outputs, ImmutableArray<string> inputs, string node)
    {
        int exitCode = run?.ExitCode ?? 1;
        JObject report = new()
        {
            ["name"] = "gridwrap",
            ["reportVersion"] = "1.0.0",
            ["exitCode"] = exitCode,
            ["exitMsg"] = exitCode == 0 ? "OK" : ReportMapper.Diagnose(run),
            ["files"] = new JObject
            {
                ["output"] = new JArray(outputs.Files.Select(static file => new JObject
                {
                    ["subFiles"] = new JArray(new JObject { ["name"] = file.Lfn, ["file_guid"] = file.Guid, ["file_size"] = file.SizeBytes }),
                })),
                ["input"] = new JArray(inputs.Select(static lfn => new JObject { ["subFiles"] = new JArray(new JObject { ["name"] = lfn }) })),
            },
            ["resource"] = new JObject
            {
                ["transform"] = new JObject
                {
                    ["cpuTimeTotal"] = (long)Math.Round(run?.CpuSeconds ?? 0),
                    ["wallTime"] = (long)Math.Round(run?.WallSeconds ?? 0),
                },
                ["machine"] = new JObject { ["node"] = node },
            },
        };
        if (run is not null)
        {
            report["created"] = run.EndedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        }

        return report.ToString(Formatting.Indented) + "\n";
    }
}
