namespace GridWrapper.Jobs;

/// <summary>
/// The placeholders of a task that the workload manager fills when it makes jobs from it. Where one is left, the text describes a task, or the server
/// could not fill it; either way no file of that name can be delivered, so it may be shown but not run.
/// </summary>
internal static class TaskTemplate
{
    internal static bool IsIn(string text) => text.Contains("${", StringComparison.Ordinal) || text.Contains("$JEDITASKID", StringComparison.Ordinal);
}
