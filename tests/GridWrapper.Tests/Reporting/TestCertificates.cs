using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace GridWrapper.Tests.Reporting;

/// <summary>A certificate authority, a server and a user with proxies, made on the spot.</summary>
internal sealed class TestCertificates
{
    private const string ProxyCertInfo = "1.3.6.1.5.5.7.1.14";
    private static readonly byte[] InheritAll = Convert.FromHexString("300C300A06082B06010505071501");
    private static readonly byte[] Limited = Convert.FromHexString("300F300D060B2B060104019B5001010109");

    private readonly X509Certificate2 _ca;
    private readonly X509Certificate2 _user;

    internal TestCertificates()
    {
        using ECDsa caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest ca = new("CN=Test CA,O=Grid,C=CH", caKey, HashAlgorithmName.SHA256);
        ca.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        ca.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        ca.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(ca.PublicKey, false));
        _ca = ca.CreateSelfSigned(From, To);

        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        Server = Sign(_ca, "CN=127.0.0.1", To, names.Build());
        _user = Sign(_ca, "CN=Some User,O=Grid,C=CH", To, new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
    }

    /// <summary>For 127.0.0.1.</summary>
    internal X509Certificate2 Server { get; }

    private static DateTimeOffset From => DateTimeOffset.UtcNow.AddDays(-2);

    private static DateTimeOffset To => DateTimeOffset.UtcNow.AddDays(2);

    internal string CaPem => _ca.ExportCertificatePem();

    internal string ServerPem => Pem(Server);

    /// <summary>The user's own certificate and key.</summary>
    internal string UserPem() => Pem(_user);

    /// <summary>Leaf, key, chain: a proxy of a proxy of the user.</summary>
    internal string ProxyPem()
    {
        X509Certificate2 first = Proxy(_user, "1", To, InheritAll);
        X509Certificate2 second = Proxy(first, "2", To, InheritAll);
        return Pem(second, first, _user);
    }

    /// <summary>A proxy that ends then.</summary>
    internal string ProxyPem(DateTimeOffset end) => Pem(Proxy(_user, "1", end, InheritAll), _user);

    /// <summary>A proxy with attributes of a virtual organisation, as far as anybody looks who does not verify them.</summary>
    internal string VomsProxyPem() => Pem(Sign(_user, $"CN=1,{_user.Subject}", To, new X509Extension(ProxyCertInfo, InheritAll, critical: true), new X509Extension("1.3.6.1.4.1.8005.100.100.5", [0x05, 0x00], critical: false)), _user);

    internal string ExpiredProxyPem() => Pem(Proxy(_user, "1", DateTimeOffset.UtcNow.AddHours(-1), InheritAll), _user);

    internal string LimitedProxyPem(bool legacyName) => Pem(legacyName ? Proxy(_user, "limited proxy", To, InheritAll) : Proxy(_user, "77", To, Limited), _user);

    private static X509Certificate2 Proxy(X509Certificate2 issuer, string name, DateTimeOffset to, byte[] policy) => Sign(
        issuer,
        $"CN={name},{issuer.Subject}",
        to,
        new X509Extension(ProxyCertInfo, policy, critical: true),
        new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));

    private static X509Certificate2 Sign(X509Certificate2 issuer, string subject, DateTimeOffset to, params X509Extension[] extensions)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256);
        foreach (X509Extension extension in extensions)
        {
            request.CertificateExtensions.Add(extension);
        }

        X509SignatureGenerator generator = X509SignatureGenerator.CreateForECDsa(issuer.GetECDsaPrivateKey()!);
        using X509Certificate2 signed = request.Create(issuer.SubjectName, generator, From, to, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    private static string Pem(X509Certificate2 leaf, params X509Certificate2[] chain) =>
        string.Join('\n', [leaf.ExportCertificatePem(), leaf.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), .. chain.Select(static c => c.ExportCertificatePem())]) + "\n";
}
