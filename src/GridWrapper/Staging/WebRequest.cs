using System.Net.Http;
using System.Net.Http.Headers;

namespace GridWrapper.Staging;

/// <summary>One request to a storage; redirects repeat it.</summary>
/// <param name="Method">E.g. PUT, MKCOL.</param>
/// <param name="Url">The address that the user or the profile named.</param>
internal sealed record WebRequest(string Method, Uri Url)
{
    /// <summary>Opens the body anew for each hop; null for none.</summary>
    public Func<HttpContent>? Body { get; init; }

    /// <summary>Ask for this checksum of the file (RFC 3230), e.g. "adler32".</summary>
    public string? WantDigest { get; init; }

    /// <summary>Only from this byte on.</summary>
    public long From { get; init; }

    /// <summary>The version that the bytes before <see cref="From"/> are of.</summary>
    public EntityTagHeaderValue? Version { get; init; }

    /// <summary>Fail where something stands already.</summary>
    public bool OnlyNew { get; init; }
}
