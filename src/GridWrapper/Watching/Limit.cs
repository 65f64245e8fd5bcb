namespace GridWrapper.Watching;

/// <summary>One limit.</summary>
/// <param name="Value">Bytes, seconds or a count.</param>
/// <param name="Origin">Who set it, for messages: "the job's minRamCount", "limits.memoryBytes of the site profile".</param>
internal sealed record Limit(double Value, string Origin);
