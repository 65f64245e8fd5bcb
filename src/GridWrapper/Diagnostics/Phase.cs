namespace GridWrapper.Diagnostics;

/// <summary>The station of the way at which something happened. Lower-case names are the `phase` values of reports.</summary>
internal enum Phase
{
    Job,
    Probe,
    Resolve,
    Plan,
    Materialise,
    Launch,
    Payload,
    Outputs,
    Report,
}
