using GridWrapper.Diagnostics;
using GridWrapper.Reporting;

namespace GridWrapper.Tests.Reporting;

[Parallelizable(ParallelScope.All)]
public class PandaCredentialsTests
{
    private const string Usual = "/tmp/x509up_u1000";

    [Test]
    public void Nothing_is_found_where_nothing_is()
    {
        PandaCredentials found = Find([], []);
        Assert.That((found.Any, found.CaDirectory, found.VerifyServer, found.TrustSystemToo), Is.EqualTo((false, (string?)null, true, true)));
    }

    [Test]
    public void The_usual_proxy() => Assert.That(Find([], [Usual]).ProxyFile, Is.EqualTo(Usual));

    [Test]
    public void A_named_proxy_beats_the_usual_one() => Assert.That(Find(["X509_USER_PROXY=/p"], [Usual, "/p"]).ProxyFile, Is.EqualTo("/p"));

    [Test]
    public void A_named_proxy_that_is_not_there_is_not_replaced_by_another_identity() => Assert.That(Find(["X509_USER_PROXY=/p"], [Usual]).ProxyFile, Is.Null);

    [TestCase("OIDC_AUTH_DIR=/a/b/;PANDA_AUTH_TOKEN=tok", "/a/b/tok")]
    [TestCase("OIDC_AUTH_DIR=/a/b;PANDA_AUTH_TOKEN=tok", "/a/tok", TestName = "The pilot takes the directory part")]
    [TestCase("OIDC_AUTH_DIR=/a/c;PANDA_AUTH_TOKEN=tok", "/a/c/tok", TestName = "The directory itself is tried too")]
    [TestCase("PANDA_AUTH_DIR=/a/b/;OIDC_AUTH_TOKEN=tok", "/a/b/tok")]
    [TestCase("X509_USER_PROXY=/a/b/proxy;PANDA_AUTH_TOKEN=tok", "/a/b/tok")]
    [TestCase("PILOT_SOURCE_DIR=/s;PANDA_AUTH_TOKEN=tok", "/s/tok")]
    [TestCase("PILOT_WORK_DIR=/w;PANDA_AUTH_TOKEN=tok", "/w/tok")]
    [TestCase("HOME=/h;PANDA_AUTH_TOKEN=tok", "/h/tok")]
    [TestCase("PANDA_AUTH_TOKEN=/abs/tok", "/abs/tok")]
    [TestCase("OIDC_AUTH_TOKEN=/abs/tok;PANDA_AUTH_TOKEN=other", "/abs/tok")]
    [TestCase("OIDC_REFRESHED_AUTH_TOKEN=/fresh;PANDA_AUTH_TOKEN=/abs/tok", "/fresh")]
    [TestCase("OIDC_REFRESHED_AUTH_TOKEN=/gone;PANDA_AUTH_TOKEN=/abs/tok", "/abs/tok")]
    [TestCase("BEARER_TOKEN_FILE=/bearer", "/bearer")]
    [TestCase("OIDC_AUTH_TOKEN_FILE=/bearer", "/bearer")]
    [TestCase("PANDA_AUTH_ID_TOKEN=file:/bearer", "/bearer")]
    public void A_token_is_searched_as_the_pilot_does(string environment, string expected)
    {
        string[] files = ["/a/b/tok", "/a/c/tok", "/s/tok", "/w/tok", "/h/tok", "/abs/tok", "/fresh", "/bearer", .. expected == "/a/tok" ? ["/a/tok"] : Array.Empty<string>()];
        PandaCredentials found = Find([.. environment.Split(';'), "PANDA_AUTH_ORIGIN=atlas"], files);
        Assert.That((found.Token?.ToString(), found.Origin), Is.EqualTo((expected, "atlas")));
    }

    [Test]
    public void A_token_in_the_environment_is_never_shown()
    {
        PandaCredentials found = Find(["PANDA_AUTH_ID_TOKEN=s3cr3t", "PANDA_AUTH_VO=atlas"], []);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Token!.Read(), Is.EqualTo("s3cr3t"));
            Assert.That(found.ToString(), Does.Not.Contain("s3cr3t"));
        }
    }

    [Test]
    public void A_token_without_an_origin_is_refused_before_the_server_does() =>
        Assert.That(static () => Find(["PANDA_AUTH_TOKEN=/abs/tok"], ["/abs/tok"]), Throws.TypeOf<GridWrapperException>().With.Message.Contains("PANDA_AUTH_ORIGIN"));

    [Test]
    public void A_token_that_is_named_and_not_found_is_said_with_all_places() => Assert.That(
        static () => Find(["PANDA_AUTH_TOKEN=tok", "HOME=/h", "PILOT_WORK_DIR=/w"], []),
        Throws.TypeOf<GridWrapperException>().With.Message.Contains("/w/tok, /h/tok"));

    [Test]
    public void A_proxy_serves_where_the_token_cannot()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Find(["PANDA_AUTH_TOKEN=tok"], [Usual]).ProxyFile, Is.EqualTo(Usual));
            Assert.That(Find(["PANDA_AUTH_TOKEN=/t"], [Usual, "/t"]), Has.Property("ProxyFile").EqualTo(Usual).And.Property("Token").Null);
        }
    }

    [Test]
    public void Trust()
    {
        PandaCredentials found = Find(["X509_CERT_DIR=/ca", "PANDA_VERIFY_HOST=off"], []);
        Assert.That((found.CaDirectory, found.TrustSystemToo, found.VerifyServer), Is.EqualTo(("/ca", false, false)));
    }

    [TestCase("pandaserver.cern.ch:25443", "https://pandaserver.cern.ch:25443/")]
    [TestCase("https://pandaserver.cern.ch", "https://pandaserver.cern.ch/")]
    [TestCase("https://pandaserver.cern.ch:25443/server/panda", "https://pandaserver.cern.ch:25443/")]
    [TestCase("http://127.0.0.1:8080/api/v1/", "http://127.0.0.1:8080/")]
    public void Servers_are_read(string text, string expected) => Assert.That(PandaOptions.ParseServer(text).AbsoluteUri, Is.EqualTo(expected));

    [TestCase("ftp://x")]
    [TestCase("https://user:pw@x")]
    [TestCase("")]
    [TestCase("a b")]
    public void What_is_no_server_is_refused(string text) => Assert.That(() => PandaOptions.ParseServer(text), Throws.TypeOf<GridWrapperException>());

    [Test]
    public void Credentials_are_not_sent_without_tls()
    {
        using PandaTransport transport = new(new PandaOptions
        {
            Server = new Uri("http://panda.example:25080"),
            Credentials = new PandaCredentials { Token = new TokenSource.Given("x"), Origin = "atlas" },
        });
        Assert.That(
            async () => await transport.SendAsync(new PandaCall("/x", null, ""), CancellationToken.None),
            Throws.TypeOf<GridWrapperException>().With.Message.Contains("without TLS"));
    }

    [Test]
    public void Tokens_are_read_again_each_time()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, Guid.NewGuid().ToString("N"));
        TokenSource token = new TokenSource.InFile(path);
        File.WriteAllText(path, "one\n");
        string first = token.Read();
        File.WriteAllText(path, "two");
        string second = token.Read();
        File.WriteAllText(path, "not a token\nbut a page");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((first, second), Is.EqualTo(("one", "two")));
            Assert.That(token.Read, Throws.TypeOf<GridWrapperException>().With.Message.Contains(path).And.Message.Not.Contains("page"));
        }

        File.Delete(path);
        Assert.That(token.Read, Throws.TypeOf<GridWrapperException>());
    }

    private static PandaCredentials Find(string[] environment, string[] files)
    {
        Dictionary<string, string> variables = environment.ToDictionary(static e => e.Split('=', 2)[0], static e => e.Split('=', 2)[1]);
        return PandaCredentials.FromEnvironment(new CredentialSurroundings
        {
            Variable = variables.GetValueOrDefault,
            Uid = 1000,
            Exists = files.Contains,
            CaDirectoryExists = static _ => false,
        });
    }
}
