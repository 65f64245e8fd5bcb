using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Pure: judges the output report of a finished job as the server's adder does, with its words. One bad entry spoils the whole report.</summary>
internal static class OutputAdder
{
    /// <summary>Why the job becomes failed; null when the report is in order.</summary>
    internal static string? Judge(WorkloadJob job, string? report)
    {
        ImmutableArray<string> expected = job.OutFiles;
        if (expected.IsEmpty && string.IsNullOrEmpty(report))
        {
            return null;
        }

        JObject files;
        try
        {
            files = PlainJson.Parse(report ?? "");
        }
        catch (JsonException)
        {
            return "Could not get GUID/LFN/MD5/FSIZE/SURL from pilot JSON";
        }

        if (files.Properties().Any(static entry => !IsComplete(entry.Value)))
        {
            return "Could not get GUID/LFN/MD5/FSIZE/SURL from pilot JSON";
        }

        string? stranger = files.Properties().Select(static p => p.Name).FirstOrDefault(lfn => !expected.Any(known => Belongs(lfn, known)));
        string? missing = expected.FirstOrDefault(lfn => !files.ContainsKey(lfn) && !job.AllowNoOutput.Contains(lfn) && !IsPattern(lfn));
        return stranger is not null ? $"pilot produced {stranger} inconsistently with jobdef"
            : missing is not null ? $"expected output {missing} is missing in pilot JSON"
            : null;
    }

    private static bool IsComplete(JToken entry) => entry is JObject file
        && file["guid"] is { Type: JTokenType.String } && file["fsize"] is { Type: JTokenType.Integer }
        && ((string?)file["adler32"] is { Length: 8 } || (string?)file["md5sum"] is { Length: 32 });

    /// <summary>The expected file, one more of its kind (LFN._000001, LFN_1), or a match of a regex output (not looked at closer here).</summary>
    private static bool Belongs(string lfn, string known) => lfn == known || IsPattern(known)
        || (lfn.StartsWith(known, StringComparison.Ordinal) && lfn[known.Length..].TrimStart('.') is ['_', .. { Length: > 0 } digits] && digits.All(char.IsAsciiDigit));

    private static bool IsPattern(string lfn) => lfn.StartsWith("regex|", StringComparison.Ordinal);
}
