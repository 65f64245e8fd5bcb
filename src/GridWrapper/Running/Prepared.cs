using GridWrapper.Diagnostics;
using GridWrapper.Planning;

namespace GridWrapper.Running;

/// <summary>A plan and what it was made from. Dry runs, `plan` and real runs share this one object.</summary>
internal sealed record Prepared(PlanInput Input, RunPlan Plan, Timings Timings)
{
    /// <summary>Why nothing of the plan can be used; only where nothing can.</summary>
    internal Failure WhyNothing => Input.Image.Barred ?? Input.Image.ResolveFailure ?? Planner.Explain(Plan, Input);
}
