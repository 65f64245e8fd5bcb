using GridWrapper.Planning;

namespace GridWrapper.Running;

/// <summary>A plan and what it was made from. Dry runs, `plan` and real runs share this one object.</summary>
internal sealed record Prepared(PlanInput Input, RunPlan Plan, Timings Timings);
