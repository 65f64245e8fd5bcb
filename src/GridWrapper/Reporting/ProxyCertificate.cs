using System.Collections.ObjectModel;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>An X.509 proxy: one PEM file with the leaf, its key, and the chain down to the user's own certificate.</summary>
internal static class ProxyCertificate
{
    /// <summary>proxyCertInfo of RFC 3820; its policy language tells limited proxies from full ones.</summary>
    private const string ProxyCertInfo = "1.3.6.1.5.5.7.1.14";

    /// <summary>DER of the policy language id-ppl-limited, 1.3.6.1.4.1.3536.1.1.1.9.</summary>
    private static ReadOnlySpan<byte> LimitedPolicy => [0x06, 0x0b, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9b, 0x50, 0x01, 0x01, 0x01, 0x09];

    /// <summary>VOMS attributes stand in an extension of a certificate of the chain.</summary>
    private const string VomsAttributes = "1.3.6.1.4.1.8005.100.100.5";

    /// <summary>When the first of the file's certificates ends; null for a file that cannot be read as a proxy.</summary>
    internal static DateTimeOffset? EndOf(string path) => TryRead(path) is { Count: > 0 } chain ? chain.Min(static c => new DateTimeOffset(c.NotAfter.ToUniversalTime())) : null;

    /// <summary>False only for a proxy that can be read and has no attributes of a virtual organisation.</summary>
    internal static bool MayHaveVoms(string path) => TryRead(path) is not { Count: > 0 } chain || chain.Any(static c => c.Extensions.Any(static e => e.Oid?.Value == VomsAttributes));

    private static X509Certificate2Collection? TryRead(string path)
    {
        try
        {
            X509Certificate2Collection certificates = [];
            certificates.ImportFromPem(File.ReadAllText(path));
            return certificates;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            // Whoever has to use it says what is wrong with it.
            return null;
        }
    }

    /// <summary>Loads the file with everything that has to be sent: a server that knows only the CA cannot verify the leaf alone.</summary>
    /// <param name="path">The file.</param>
    /// <param name="time">The clock.</param>
    /// <param name="limitedToo">Storages take limited proxies, the workload manager does not.</param>
    /// <exception cref="GridWrapperException">Unreadable, not a proxy, expired, or limited.</exception>
    internal static SslStreamCertificateContext Load(string path, TimeProvider time, bool limitedToo = false)
    {
        string pem;
        try
        {
            pem = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CredentialFault.Of("read-proxy", $"the X.509 proxy {path} cannot be read ({e.GetType().Name}): check X509_USER_PROXY", e);
        }

        X509Certificate2Collection certificates = [];
        X509Certificate2 leaf;
        try
        {
            certificates.ImportFromPem(pem);
            leaf = X509Certificate2.CreateFromPem(pem, pem);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw CredentialFault.Of("read-proxy", $"{path} is not an X.509 proxy (one PEM file with certificate, unencrypted key, chain): {ServerAnswer.OneLine(e.Message)}", e);
        }

        Check(path, certificates, time, limitedToo);
        return NewContext(leaf, new ReadOnlyCollection<X509Certificate2>([.. certificates.Skip(1)]), null);
    }

    /// <summary>
    /// The constructor behind SslStreamCertificateContext.Create. Create itself builds a chain first, and chain building throws for every proxy
    /// certificate (dotnet/runtime issue 41916: OpenSSL's X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED is not mapped); the certificates of a proxy file are
    /// the chain already, so nothing has to be built. The runtime is shipped inside our executable, and a test makes a real handshake.
    /// </summary>
    [UnsafeAccessor(UnsafeAccessorKind.Constructor)]
    private static extern SslStreamCertificateContext NewContext(
        X509Certificate2 target, ReadOnlyCollection<X509Certificate2> intermediates, SslCertificateTrust? trust);

    private static void Check(string path, X509Certificate2Collection certificates, TimeProvider time, bool limitedToo)
    {
        DateTime now = time.GetUtcNow().UtcDateTime;
        foreach (X509Certificate2 certificate in certificates)
        {
            if (!limitedToo && IsLimited(certificate))
            {
                throw CredentialFault.Of("read-proxy", $"{path} is a limited proxy ({certificate.Subject}): the server refuses those. Make a full one (voms-proxy-init without -limited)");
            }

            DateTime end = certificate.NotAfter.ToUniversalTime();
            if (end <= now)
            {
                throw CredentialFault.Of(
                    "read-proxy", $"the X.509 proxy {path} expired at {end:yyyy-MM-dd HH:mm:ss} UTC ({certificate.Subject}): renew it", PilotError.CertificateHasExpired);
            }
        }
    }

    private static bool IsLimited(X509Certificate2 certificate) =>
        certificate.Subject.Contains("CN=limited proxy", StringComparison.Ordinal)
        || certificate.Extensions.Any(static e => e.Oid?.Value == ProxyCertInfo && e.RawData.AsSpan().IndexOf(LimitedPolicy) >= 0);
}
