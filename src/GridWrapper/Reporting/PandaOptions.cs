using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>How the workload manager is reached.</summary>
internal sealed record PandaOptions
{
    /// <summary>Scheme, host and port; see <see cref="ParseServer"/>.</summary>
    public required Uri Server { get; init; }

    public PandaCredentials Credentials { get; init; } = PandaCredentials.None;

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For one call as a whole.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long a final update is tried before it is given up (and left to the spool).</summary>
    public TimeSpan FinalUpdatePatience { get; init; } = TimeSpan.FromHours(2);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>For the jitter of retries.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>Reads what people write for a server: with or without the path of an API, with or without a scheme (then https).</summary>
    /// <exception cref="GridWrapperException">Not an address.</exception>
    internal static Uri ParseServer(string text)
    {
        string full = text.Contains("://", StringComparison.Ordinal) ? text : "https://" + text;
        return Uri.TryCreate(full, UriKind.Absolute, out Uri? uri) && uri.Scheme is "https" or "http" && uri.Host.Length > 0 && uri.UserInfo.Length == 0
            ? new Uri(uri.GetLeftPart(UriPartial.Authority))
            : throw GridWrapperException.BadInput(
                "parse-server", $"'{text}' is not the address of a PanDA server: write it as https://pandaserver.cern.ch:25443", PilotError.SetupFailure, Blame.Site);
    }
}
