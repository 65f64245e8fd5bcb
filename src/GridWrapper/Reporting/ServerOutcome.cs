using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>What an answer of the server means for the caller.</summary>
internal abstract record ServerOutcome
{
    private ServerOutcome()
    {
    }

    /// <summary>Accepted.</summary>
    /// <param name="Data">The envelope's data (v1) or the whole answer (legacy) as a JSON object; null when there is none.</param>
    /// <param name="Text">The body as it came, for answers that other rooms read.</param>
    internal sealed record Done(JToken? Data, string Text) : ServerOutcome;

    /// <summary>The queue has no job for us; not an error.</summary>
    internal sealed record NoJob : ServerOutcome;

    /// <summary>The server does not know this argument: send again without it.</summary>
    internal sealed record UnknownField(string Name, string Detail) : ServerOutcome;

    /// <summary>403 or 404: this server may speak the other API only.</summary>
    internal sealed record ApiMissing(int Status, string Detail) : ServerOutcome;

    /// <summary>The credentials are not good enough; trying again changes nothing.</summary>
    internal sealed record Unauthorised(string Detail) : ServerOutcome;

    /// <summary>May work later.</summary>
    internal sealed record Again(string Detail) : ServerOutcome;

    /// <summary>Refused for good.</summary>
    internal sealed record Refused(string Detail) : ServerOutcome;
}
