namespace GridWrapper.Running;

/// <summary>How much a mini pilot does.</summary>
/// <param name="Jobs">At most that many; null for no limit.</param>
/// <param name="Lifetime">The slot's time; null for no limit.</param>
internal sealed record PilotLimits(int? Jobs, TimeSpan? Lifetime)
{
    /// <summary>One job in the work directory itself, and then the end.</summary>
    internal static PilotLimits Once { get; } = new(1, null);

    /// <summary>Kept for the account of the last job and the end; no job is asked for in it.</summary>
    internal TimeSpan Reserve => Lifetime is { } lifetime ? TimeSpan.FromSeconds(Math.Min(600, lifetime.TotalSeconds / 10)) : TimeSpan.Zero;
}
