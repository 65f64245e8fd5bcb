namespace GridWrapper.Planning;

/// <summary>What a strategy or a launcher says of itself, given the facts.</summary>
internal abstract record Verdict
{
    private Verdict()
    {
    }

    /// <summary>Why, in one short sentence for people.</summary>
    public required string Reason { get; init; }

    /// <summary>It would work, at this cost.</summary>
    internal sealed record Usable : Verdict
    {
        public required Cost Cost { get; init; }

        /// <summary>What will be different from the usual because of this node, null for nothing.</summary>
        public string? Note { get; init; }
    }

    /// <summary>It would not work; the fact that refuses it is the reason.</summary>
    internal sealed record Refused : Verdict
    {
        /// <summary>Who would have to act to make it work.</summary>
        public required Diagnostics.Blame Blame { get; init; }

        /// <summary>Pilot code if nothing else is usable either.</summary>
        public required int PilotErrorCode { get; init; }

        public string? Errno { get; init; }

        /// <summary>True when it would have worked on a better node or with a healthier service.</summary>
        public bool Retryable { get; init; }

        /// <summary>True when it simply does not apply (e.g. `directory` for a registry reference): never the explanation of a failed plan.</summary>
        public bool NotApplicable { get; init; }
    }

    internal static Usable Yes(Cost cost, string reason) => new() { Cost = cost, Reason = reason };

    internal static Refused DoesNotApply(string reason) =>
        new() { Reason = reason, Blame = Diagnostics.Blame.User, PilotErrorCode = Diagnostics.PilotError.ImageNotFound, NotApplicable = true };
}
