namespace GridWrapper.Watching;

/// <summary>A limit that the payload went beyond.</summary>
/// <param name="Kind">Which one.</param>
/// <param name="Message">What was measured, what was allowed and who allowed it, for people.</param>
/// <param name="ByKernel">The kernel has ended the payload already.</param>
internal sealed record LimitBreach(LimitKind Kind, string Message, bool ByKernel = false);
