using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>Pure: payload_error_report.json, by which a wrapper under a pilot says what went wrong. The pilot takes any non-zero code as a failed job, so it is written for failures only.</summary>
internal static class PayloadErrorReport
{
    internal const string FileName = "payload_error_report.json";

    /// <param name="code">The pilot's own code (13xx) for our failures, the payload's true exit code where the process's cannot carry it. Never 0.</param>
    /// <param name="diagnosis">One line for the monitor.</param>
    internal static string Build(int code, string diagnosis) => code != 0
        ? new JObject { ["error_code"] = code, ["error_diag"] = ServerAnswer.OneLine(diagnosis) }.ToString(Formatting.Indented) + "\n"
        : throw new ArgumentOutOfRangeException(nameof(code), "a report with code 0 would say that nothing is wrong");
}
