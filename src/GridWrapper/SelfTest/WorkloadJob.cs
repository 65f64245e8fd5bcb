using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>One job in the loopback workload manager, from activated to finished or failed.</summary>
internal sealed class WorkloadJob(JObject definition)
{
    internal JObject Definition => definition;

    internal long PandaId { get; } = (long?)definition["PandaID"] ?? throw new ArgumentException("a job needs its PandaID", nameof(definition));

    /// <summary>activated, sent, starting, running, holding, finished, failed.</summary>
    internal string State { get; set; } = "activated";

    /// <summary>Why the adder made it failed; null otherwise.</summary>
    internal string? Fault { get; set; }

    /// <summary>What becomes of a job in holding when the adder has read its report.</summary>
    internal string Outcome { get; set; } = "";

    internal string? BatchId { get; set; }

    internal int Attempt => (int?)definition["attemptNr"] ?? 0;

    /// <summary>outFiles: outputs and the log.</summary>
    internal ImmutableArray<string> OutFiles => List("outFiles");

    internal ImmutableArray<string> AllowNoOutput => List("allowNoOutput");

    private ImmutableArray<string> List(string name) =>
        [.. ((string?)definition[name] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Where(static lfn => lfn != "NULL")];
}
