using System.Security.Cryptography.X509Certificates;
using GridWrapper.Diagnostics;
using GridWrapper.Reporting;

namespace GridWrapper.Tests.Reporting;

/// <summary>TLS with grid certificates, against a real handshake.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class PandaTlsTests
{
    private const string Ok = """{"success": true, "message": "", "data": {"StatusCode": 0, "command": "NULL"}}""";

    private static readonly TestCertificates Certificates = new();

    private readonly string _directory = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "tls-" + Guid.NewGuid().ToString("N"))).FullName;

    private string ProxyFile => Path.Combine(_directory, "proxy");

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task A_proxy_is_sent_with_its_whole_chain(CancellationToken ct)
    {
        await using TinyTlsServer server = new(Certificates.Server, Ok);
        string pem = Certificates.ProxyPem();
        await File.WriteAllTextAsync(ProxyFile, pem, ct);
        using PandaTransport transport = new(Options(server.Address, new PandaCredentials { CaDirectory = CaDirectory(), ProxyFile = ProxyFile }));

        // This runtime's server side cannot verify proxies and hangs up, after it was sent the certificates.
        _ = await transport.SendAsync(new PandaCall("/", null, ""), ct);
        X509Certificate2Collection chain = [];
        chain.ImportFromPem(pem);
        byte[] sent = server.Received;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(chain, Has.Count.EqualTo(3));
            Assert.That(chain.Select(c => sent.AsSpan().IndexOf(c.RawData) > 0), Is.All.True, string.Join(';', server.Errors));
        }
    }

    [Test]
    public async Task A_proxy_is_accepted_by_a_server_that_verifies_proxies(CancellationToken ct)
    {
        if (!File.Exists(OpenSslServer.Program))
        {
            Assert.Ignore($"{OpenSslServer.Program} is not installed");
        }

        await File.WriteAllTextAsync(ProxyFile, Certificates.ProxyPem(), ct);
        await using OpenSslServer server = await OpenSslServer.StartAsync(_directory, Certificates, Ok, ct);
        using PandaClient client = new(Options(server.Address, new PandaCredentials { CaDirectory = CaDirectory(), ProxyFile = ProxyFile }));
        UpdateAnswer answer = await client.UpdateJobAsync(PandaBench.Running, ct);
        Assert.That(answer.Accepted, Is.True, answer.Detail + server.Output);
    }

    [Test]
    public async Task A_certificate_that_is_no_proxy_is_sent_too(CancellationToken ct)
    {
        await using TinyTlsServer server = new(Certificates.Server, Ok);
        await File.WriteAllTextAsync(ProxyFile, Certificates.UserPem(), ct);
        using PandaClient client = Client(server, new PandaCredentials { CaDirectory = CaDirectory(), ProxyFile = ProxyFile });
        UpdateAnswer answer = await client.UpdateJobAsync(PandaBench.Running, ct);
        X509Certificate2 user = X509Certificate2.CreateFromPem(Certificates.UserPem());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Accepted, Is.True, answer.Detail + string.Join(';', server.Errors));
            Assert.That(server.Received.AsSpan().IndexOf(user.RawData), Is.Positive);
        }
    }

    [Test]
    public async Task A_renewed_proxy_is_used_from_the_next_call_on(CancellationToken ct)
    {
        await using TinyTlsServer server = new(Certificates.Server, Ok);
        await File.WriteAllTextAsync(ProxyFile, Certificates.UserPem(), ct);
        using PandaClient client = Client(server, new PandaCredentials { CaDirectory = CaDirectory(), ProxyFile = ProxyFile });
        UpdateAnswer before = await client.UpdateJobAsync(PandaBench.Running, ct);
        await File.WriteAllTextAsync(ProxyFile, Certificates.LimitedProxyPem(legacyName: true), ct);
        File.SetLastWriteTimeUtc(ProxyFile, DateTime.UtcNow.AddSeconds(5));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(before.Accepted, Is.True, before.Detail);
            Assert.That(async () => await client.UpdateJobAsync(PandaBench.Running, ct), Throws.TypeOf<GridWrapperException>().With.Message.Contains("limited"));
        }
    }

    [Test]
    public async Task A_server_of_another_ca_is_refused_at_once(CancellationToken ct)
    {
        await using TinyTlsServer server = new(new TestCertificates().Server, Ok);
        using PandaClient client = Client(server, new PandaCredentials { CaDirectory = CaDirectory() });
        Assert.That(
            async () => await client.UpdateJobAsync(PandaBench.Running, ct),
            Throws.TypeOf<GridWrapperException>().With.Message.Contains("TLS handshake").And.Message.Contains("X509_CERT_DIR"));
    }

    [Test]
    public async Task A_server_is_believed_unseen_only_when_asked_for(CancellationToken ct)
    {
        await using TinyTlsServer server = new(new TestCertificates().Server, Ok);
        using PandaClient client = Client(server, new PandaCredentials { CaDirectory = CaDirectory(), VerifyServer = false });
        Assert.That((await client.UpdateJobAsync(PandaBench.Running, ct)).Accepted, Is.True);
    }

    [Test]
    public void An_empty_ca_directory_is_said_to_be_empty()
    {
        using PandaClient client = new(new PandaOptions { Server = new Uri("https://127.0.0.1:1"), Credentials = new PandaCredentials { CaDirectory = _directory } });
        Assert.That(
            async () => await client.UpdateJobAsync(PandaBench.Running, CancellationToken.None),
            Throws.TypeOf<GridWrapperException>().With.Message.Contains("no CA certificate").And.Message.Contains(_directory));
    }

    [Test]
    public async Task A_ca_directory_is_read_whatever_else_lies_in_it(CancellationToken ct)
    {
        string directory = CaDirectory();
        await File.WriteAllTextAsync(Path.Combine(directory, "broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ct);
        await File.WriteAllTextAsync(Path.Combine(directory, "other.pem"), new TestCertificates().CaPem.TrimEnd(), ct);
        await File.WriteAllTextAsync(Path.Combine(directory, "12345678.r0"), "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", ct);
        await File.WriteAllTextAsync(Path.Combine(directory, "12345678.signing_policy"), "access_id_CA", ct);
        Assert.That(await GridWrapper.Reporting.CaDirectory.LoadAsync(directory, TimeProvider.System, ct), Has.Count.EqualTo(2), "two names of one CA count once");
    }

    private static IEnumerable<TestCaseData> BadProxies()
    {
        yield return new TestCaseData(Certificates.LimitedProxyPem(legacyName: true), "limited proxy", PilotError.NoProxy).SetName("Refused_proxy_limited_by_name");
        yield return new TestCaseData(Certificates.LimitedProxyPem(legacyName: false), "limited proxy", PilotError.NoProxy).SetName("Refused_proxy_limited_by_policy");
        yield return new TestCaseData(Certificates.ExpiredProxyPem(), "expired at", PilotError.CertificateHasExpired).SetName("Refused_proxy_expired");
        yield return new TestCaseData("hello", "is not an X.509 proxy", PilotError.NoProxy).SetName("Refused_proxy_no_pem");
        yield return new TestCaseData(Certificates.CaPem, "is not an X.509 proxy", PilotError.NoProxy).SetName("Refused_proxy_without_key");
    }

    [TestCaseSource(nameof(BadProxies))]
    public void Trap_18(string pem, string message, int pilotError)
    {
        File.WriteAllText(ProxyFile, pem);
        Assert.That(
            () => ProxyCertificate.Load(ProxyFile, TimeProvider.System),
            Throws.TypeOf<GridWrapperException>().With.Message.Contains(message).And.Message.Not.Contains("BEGIN").And.Property("Failure").Property("PilotErrorCode").EqualTo(pilotError));
    }

    [Test]
    public void A_proxy_that_is_not_there() => Assert.That(
        () => ProxyCertificate.Load(ProxyFile, TimeProvider.System), Throws.TypeOf<GridWrapperException>().With.Message.Contains(ProxyFile));

    private static PandaClient Client(TinyTlsServer server, PandaCredentials credentials) => new(Options(server.Address, credentials));

    private static PandaOptions Options(Uri server, PandaCredentials credentials) => new() { Server = server, Credentials = credentials };

    /// <summary>As grid nodes have it: the certificate under its name and under the hash of its subject.</summary>
    private string CaDirectory()
    {
        string directory = Directory.CreateDirectory(Path.Combine(_directory, "certificates")).FullName;
        File.WriteAllText(Path.Combine(directory, "TestCA.pem"), Certificates.CaPem);
        if (!File.Exists(Path.Combine(directory, "12345678.0")))
        {
            _ = File.CreateSymbolicLink(Path.Combine(directory, "12345678.0"), "TestCA.pem");
        }

        return directory;
    }
}
