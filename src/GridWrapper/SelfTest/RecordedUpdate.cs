using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>An update that the loopback workload manager took in.</summary>
/// <param name="Legacy">It came by the legacy API; its arguments stand under their v1 names all the same.</param>
/// <param name="Arguments">As sent.</param>
/// <param name="LostDates">start_time or end_time, where its form made the server drop it without a word.</param>
internal sealed record RecordedUpdate(long JobId, string Status, bool Legacy, JObject Arguments, ImmutableArray<string> LostDates)
{
    /// <summary>A text argument; null when it was not sent.</summary>
    internal string? Text(string name) => (string?)Arguments[name];
}
