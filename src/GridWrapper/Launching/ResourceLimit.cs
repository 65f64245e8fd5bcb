namespace GridWrapper.Launching;

/// <summary>One limit of the payload's, as setrlimit(2) takes it.</summary>
/// <param name="Resource">RLIMIT_ number of the kernel.</param>
/// <param name="Soft">In the resource's own unit; <see cref="Unlimited"/> for none.</param>
/// <param name="Hard">Not above what this process has itself.</param>
internal sealed record ResourceLimit(int Resource, ulong Soft, ulong Hard)
{
    internal const ulong Unlimited = ulong.MaxValue;
}
