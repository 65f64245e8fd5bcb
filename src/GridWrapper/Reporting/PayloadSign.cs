using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>What a payload that ended badly left behind and that says more of the reason than its exit code. It stays a payload's failure and none of gridwrap's.</summary>
/// <param name="PilotErrorCode">The pilot's code for it.</param>
/// <param name="Blame">Who has to act.</param>
/// <param name="Step">Short stable name.</param>
/// <param name="Message">What was seen where, and what to do.</param>
internal sealed record PayloadSign(int PilotErrorCode, Blame Blame, string Step, string Message);
