using GridWrapper.Registries;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Registries;

[Parallelizable(ParallelScope.All)]
internal sealed class AuthChallengeTests
{
    [TestCase("Bearer realm=\"https://a/t\",service=\"s\",scope=\"x:y:pull,push\"", "bearer realm=https://a/t scope=x:y:pull,push service=s")]
    [TestCase("Basic realm=\"say \\\"hi\\\"\"", "basic realm=say \"hi\"")]
    [TestCase("Bearer realm = \"r\" , service=s", "bearer realm=r service=s")]
    [TestCase("Negotiate, Basic realm=\"x\"", "negotiate|basic realm=x")]
    [TestCase("", "")]
    [TestCase("=,=\"", "")]
    public void Headers_are_read(string header, string expected) => Assert.That(
        string.Join('|', AuthChallenge.Parse(header).Select(c => string.Join(' ', c.Parameters.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}").Prepend(c.Scheme)))),
        Is.EqualTo(expected));

    [TestCase("https://auth.docker.io/token", "docker.io", true)]
    [TestCase("http://auth.docker.io/token", "docker.io", false)]
    [TestCase("http://127.0.0.1:5000/token", "docker.io", false)]
    [TestCase("http://127.0.0.1:5001/token", "localhost:5000", true)]
    [TestCase("http://[::1]:5001/token", "localhost:5000", true)]
    [TestCase("http://auth.example.org/token", "localhost:5000", false)]
    [TestCase("http://plain.example.org:80/token", "plain.example.org", true)]
    [TestCase("https://user:pw@auth.example.org/token", "docker.io", false)]
    [TestCase("file:///etc/passwd", "localhost:5000", false)]
    [TestCase(null, "localhost:5000", false)]
    public void Token_servers_are_allowed_by_rule(string? realm, string registry, bool allowed)
    {
        RegistryEndpoint endpoint = RegistryEndpoint.For(registry, new RegistryPolicy { PlainHttp = ["plain.example.org"] });

        Assert.That(RealmRule.Check(realm, endpoint, out string refusal) is not null, Is.EqualTo(allowed), refusal);
    }

    [TestCase("docker.io", "https://registry-1.docker.io/")]
    [TestCase("localhost:5000", "http://localhost:5000/")]
    [TestCase("127.8.9.10", "http://127.8.9.10/")]
    [TestCase("[::1]:5000", "http://[::1]:5000/")]
    [TestCase("plain.example.org", "http://plain.example.org/")]
    [TestCase("localhost.example.org", "https://localhost.example.org/")]
    public void Hosts_become_addresses(string host, string expected) =>
        Assert.That(RegistryEndpoint.For(host, new RegistryPolicy { PlainHttp = ["plain.example.org"] }).Base.ToString(), Is.EqualTo(expected));
}
