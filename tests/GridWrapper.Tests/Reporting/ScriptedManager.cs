using GridWrapper.Reporting;

namespace GridWrapper.Tests.Reporting;

/// <summary>A workload manager that answers as the test says and remembers what it was sent.</summary>
internal sealed class ScriptedManager(Func<JobUpdate, UpdateAnswer> answer) : IWorkloadManager
{
    private readonly Lock _lock = new();
    private readonly List<JobUpdate> _updates = [];

    internal static UpdateAnswer Accepted { get; } = new(true, [], "");

    internal static UpdateAnswer Away { get; } = new(false, [], "away");

    internal ImmutableArray<JobUpdate> Updates
    {
        get
        {
            lock (_lock)
            {
                return [.. _updates];
            }
        }
    }

    public Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct) => Task.FromResult<string?>("{}");

    public Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct)
    {
        lock (_lock)
        {
            _updates.Add(update);
        }

        try
        {
            return Task.FromResult(answer(update));
        }
        catch (Exception e) when (e is GridWrapper.Diagnostics.GridWrapperException or OperationCanceledException)
        {
            return Task.FromException<UpdateAnswer>(e);
        }
    }

    internal static UpdateAnswer Commanding(params string[] commands) => new(true, [.. commands], "");
}
