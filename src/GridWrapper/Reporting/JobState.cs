using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>A job as the server has it.</summary>
/// <param name="Status">E.g. "running", "holding"; "not found" for an id the server does not know.</param>
internal sealed record JobState(long JobId, string Status, int Attempt)
{
    /// <summary>Reads v1's list of objects or the legacy answer's parallel texts ("running+notfound").</summary>
    internal static ImmutableArray<JobState> Read(JToken? data, ImmutableArray<long> asked) => data switch
    {
        JArray list => [.. list.OfType<JObject>().Select(static o => new JobState(
            (long?)o["job_id"] ?? 0, (string?)o["status"] ?? "", (int?)o["attempt_number"] ?? 0))],
        JObject legacy => ReadLegacy(legacy, asked),
        _ => [],
    };

    private static ImmutableArray<JobState> ReadLegacy(JObject answer, ImmutableArray<long> asked)
    {
        string[] states = ((string?)answer["status"] ?? "").Split(['+', ' ']);
        string[] attempts = ((string?)answer["attemptNr"] ?? "").Split(['+', ' ']);
        return [.. asked.Zip(states).Select((pair, i) => new JobState(
            pair.First,
            pair.Second is "notfound" ? "not found" : pair.Second,
            i < attempts.Length && int.TryParse(attempts[i], CultureInfo.InvariantCulture, out int attempt) ? attempt : 0))];
    }
}
