using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>The self-test's answer, as a table for people and as a document for machines.</summary>
internal static class SelfTestTable
{
    private static readonly ImmutableArray<string> s_headings = ["STRATEGY", "LAUNCHER", "RESULT", "SECONDS", "DETAIL"];

    /// <summary>Column of the seconds, which are aligned to the right.</summary>
    private const int SecondsColumn = 3;

    /// <summary>Aligned columns, a heading, and a last line that counts.</summary>
    internal static string ToText(ImmutableArray<SelfTestRow> rows)
    {
        ImmutableArray<ImmutableArray<string>> lines = [s_headings, .. rows.Select(Cells)];
        ImmutableArray<int> widths = [.. Enumerable.Range(0, s_headings.Length).Select(column => lines.Max(line => line[column].Length))];
        StringBuilder text = new();
        foreach (ImmutableArray<string> line in lines)
        {
            IEnumerable<string> padded = line.Select((cell, column) => column == SecondsColumn ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            text.Append(string.Join("  ", padded).TrimEnd()).Append('\n');
        }

        return text.Append(CultureInfo.InvariantCulture, $"{Summary(rows)}\n").ToString();
    }

    /// <summary>`{schemaVersion, passed, failed, notPossible, rows[{strategy, launcher, result, seconds, detail}]}`.</summary>
    internal static string ToJson(ImmutableArray<SelfTestRow> rows) => new JObject
    {
        ["schemaVersion"] = 1,
        ["passed"] = Count(rows, SelfTestResult.Passed),
        ["failed"] = Count(rows, SelfTestResult.Failed),
        ["notPossible"] = Count(rows, SelfTestResult.NotPossible),
        ["rows"] = new JArray(rows.Select(row => new JObject
        {
            ["strategy"] = row.Strategy,
            ["launcher"] = row.Launcher,
            ["result"] = row.Result switch
            {
                SelfTestResult.Passed => "passed",
                SelfTestResult.Failed => "failed",
                _ => "notPossible",
            },
            ["seconds"] = row.Seconds is { } seconds ? Math.Round(seconds, 3) : null,
            ["detail"] = row.Detail,
        })),
    }.ToString(Formatting.Indented);

    private static string Summary(ImmutableArray<SelfTestRow> rows)
    {
        int passed = Count(rows, SelfTestResult.Passed), failed = Count(rows, SelfTestResult.Failed), notPossible = Count(rows, SelfTestResult.NotPossible);
        return string.Create(CultureInfo.InvariantCulture, $"{passed} passed, {failed} failed, {notPossible} not possible on this node");
    }

    private static int Count(ImmutableArray<SelfTestRow> rows, SelfTestResult result) => rows.Count(r => r.Result == result);

    private static ImmutableArray<string> Cells(SelfTestRow row) =>
    [
        row.Strategy,
        row.Launcher,
        row.Result switch
        {
            SelfTestResult.Passed => "ok",
            SelfTestResult.Failed => "FAILED",
            _ => "-",
        },
        row.Seconds?.ToString("F2", CultureInfo.InvariantCulture) ?? "-",
        OneLine(row.Detail),
    ];

    private static string OneLine(string detail) => detail.ReplaceLineEndings(" ");
}
