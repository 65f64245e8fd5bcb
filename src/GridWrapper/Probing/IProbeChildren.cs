namespace GridWrapper.Probing;

/// <summary>Asks questions by disposable children. (An interface because tests answer in their own process.)</summary>
internal interface IProbeChildren
{
    /// <summary>Always comes back within the question's deadlines plus two seconds; a hang is an answer, not an exception.</summary>
    Task<ProbeReply> AskAsync(ProbeQuestion question, CancellationToken ct);
}
