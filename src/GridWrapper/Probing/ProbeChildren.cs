namespace GridWrapper.Probing;

/// <summary>The disposable children of this process: real processes behind the <see cref="CvmfsGate"/>. One instance for the whole run.</summary>
internal sealed class ProbeChildren(ProbeProgram program, TimeProvider time) : IProbeChildren
{
    private readonly CvmfsGate _gate = new(new ProbeProcesses(program, time));

    /// <summary>Children that could not be ended and were left behind, for the report.</summary>
    internal ImmutableArray<int> LeakedPids => _gate.LeakedPids;

    public Task<ProbeReply> AskAsync(ProbeQuestion question, CancellationToken ct) => _gate.AskAsync(question, ct);
}
