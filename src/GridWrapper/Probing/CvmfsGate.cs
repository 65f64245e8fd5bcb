using System.Collections.Concurrent;

namespace GridWrapper.Probing;

/// <summary>
/// Lets one probe child at a time into a CVMFS repository, and none once a child got stuck there: processes in uninterruptible sleep must not pile up
/// (they count as load, and batch systems drain nodes with unkillable jobs).
/// </summary>
internal sealed class CvmfsGate(IProbeChildren children) : IProbeChildren
{
    private readonly ConcurrentDictionary<string, Door> _doors = new(StringComparer.Ordinal);

    /// <summary>Children that were left behind, for the report.</summary>
    internal ImmutableArray<int> LeakedPids => [.. _doors.Values.Select(d => d.Stuck?.LeakedPid).OfType<int>()];

    public async Task<ProbeReply> AskAsync(ProbeQuestion question, CancellationToken ct)
    {
        if (question.Repository is not { } repository)
        {
            return await children.AskAsync(question, ct);
        }

        Door door = _doors.GetOrAdd(repository, _ => new Door());
        await door.Turn.WaitAsync(ct);
        try
        {
            if (door.Stuck is { } stuck)
            {
                return new ProbeReply { End = ProbeEnd.NotAsked, LeakedPid = stuck.LeakedPid, Trouble = $"{repository} hung before: {stuck.Trouble}" };
            }

            ProbeReply reply = await children.AskAsync(question, ct);
            door.Stuck = reply.End == ProbeEnd.Stuck ? reply : null;
            return reply;
        }
        finally
        {
            door.Turn.Release();
        }
    }

    private sealed class Door
    {
        internal SemaphoreSlim Turn { get; } = new(1);

        internal ProbeReply? Stuck { get; set; }
    }
}
