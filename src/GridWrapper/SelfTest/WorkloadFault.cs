namespace GridWrapper.SelfTest;

/// <summary>One misbehaviour of the loopback workload manager; each is used up by one call of the pilot API.</summary>
internal abstract record WorkloadFault
{
    private WorkloadFault()
    {
    }

    /// <summary>Answers this instead.</summary>
    internal sealed record Answer(int Status, string Text) : WorkloadFault;

    /// <summary>Does not do it, but says success with this StatusCode.</summary>
    internal sealed record Code(int StatusCode) : WorkloadFault;

    /// <summary>Cuts the connection.</summary>
    internal sealed record Drop : WorkloadFault;

    /// <summary>Does it, and cuts the connection before it has said so.</summary>
    internal sealed record DropAfter : WorkloadFault;

    /// <summary>Never answers.</summary>
    internal sealed record Hang : WorkloadFault;
}
