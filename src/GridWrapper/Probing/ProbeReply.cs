namespace GridWrapper.Probing;

/// <summary>What came back from a probe child.</summary>
internal sealed record ProbeReply
{
    public required ProbeEnd End { get; init; }

    /// <summary>The records it wrote, also those before a hang.</summary>
    public ImmutableDictionary<string, string> Values { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The step it was at when it ended.</summary>
    public string Step { get; init; } = "start";

    public double Seconds { get; init; }

    /// <summary>A child that could not be killed.</summary>
    public int? LeakedPid { get; init; }

    /// <summary>For people, when it did not answer.</summary>
    public string Trouble { get; init; } = "";

    /// <summary>A value, empty when it was not said.</summary>
    internal string this[string key] => Values.GetValueOrDefault(key, "");

    /// <summary>A number, null when it was not said or is none.</summary>
    internal long? Number(string key) => long.TryParse(this[key], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null;
}

/// <summary>How a probe child ended.</summary>
internal enum ProbeEnd
{
    /// <summary>Its answer is complete.</summary>
    Answered,

    /// <summary>The deadline passed; it could be ended.</summary>
    TimedOut,

    /// <summary>The deadline passed and not even SIGKILL ended it.</summary>
    Stuck,

    /// <summary>It could not be started, or ended before its answer was complete.</summary>
    Failed,

    /// <summary>Not asked, because an earlier child is stuck in the same repository.</summary>
    NotAsked,
}
