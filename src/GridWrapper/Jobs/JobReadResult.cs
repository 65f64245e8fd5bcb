using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>
/// A job document read: the request, or all that is wrong. The job's identity is there even where the rest is wrong, so that the workload manager can be told.
/// </summary>
internal sealed record JobReadResult
{
    /// <summary>Null exactly if there are faults.</summary>
    public JobRequest? Request { get; init; }

    public long? PandaId { get; init; }

    public int? Attempt { get; init; }

    /// <summary>How many jobs the document holds; only one of them was read.</summary>
    public int JobCount { get; init; }

    /// <summary>How long it took to get it.</summary>
    public TimeSpan Waited { get; init; }

    public ImmutableArray<string> Faults { get; init; } = [];

    /// <summary>Of the first fault.</summary>
    public int PilotErrorCode { get; init; } = PilotError.UnrecognizedTrfArguments;

    /// <summary>User, or server where the workload manager answered something that is no job.</summary>
    public Blame Blame { get; init; } = Blame.User;

    /// <exception cref="GridWrapperException">All faults in one message.</exception>
    internal JobRequest RequestOrThrow() => Request ?? throw ToException();

    internal GridWrapperException ToException()
    {
        string job = PandaId is { } id ? string.Create(CultureInfo.InvariantCulture, $"job {id}") : "the job";
        return GridWrapperException.BadInput("read-job", Quoted.List($"{job} cannot be run", Faults), PilotErrorCode, Blame);
    }
}
