namespace GridWrapper.SelfTest;

/// <summary>One combination that the self-test tried.</summary>
/// <param name="Strategy">Name as in --strategy.</param>
/// <param name="Launcher">Name as in --launcher.</param>
/// <param name="Result">What came of it.</param>
/// <param name="Seconds">Wall time of the whole job; null where nothing was run.</param>
/// <param name="Detail">For people: what was verified, why it failed, or why it is not possible here. One line.</param>
internal sealed record SelfTestRow(string Strategy, string Launcher, SelfTestResult Result, double? Seconds, string Detail);

internal enum SelfTestResult
{
    Passed,
    Failed,

    /// <summary>The planner says that this node does not allow it; no fault.</summary>
    NotPossible,
}
