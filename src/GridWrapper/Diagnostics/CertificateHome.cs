namespace GridWrapper.Diagnostics;

/// <summary>
/// The runtime looks for a user's own certificates below his home directory, and refuses every TLS connection where it cannot tell that directory: without HOME, for a uid without an
/// entry in passwd, as pilots in pods have it. Nothing of what it looks for need be there.
/// </summary>
internal static class CertificateHome
{
    /// <summary>Called before the first connection that may use TLS. Payloads get the variables that the caller gave, which were read before.</summary>
    internal static void Ensure()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HOME")))
        {
            Environment.SetEnvironmentVariable("HOME", "/nonexistent");
        }
    }
}
