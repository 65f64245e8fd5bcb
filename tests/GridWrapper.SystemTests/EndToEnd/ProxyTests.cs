namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Pulls through real proxies: tests/testbed/proxy.sh, which makes the servers and the cases.</summary>
[TestFixture, NonParallelizable, CancelAfter(300_000)]
internal sealed class ProxyTests
{
    private ImmutableDictionary<string, Ended> _cases = ImmutableDictionary<string, Ended>.Empty;

    [OneTimeSetUp]
    public async Task RunAsync()
    {
        string lines = await Tool.RunAsync(Testbed.Script("proxy.sh"), Testbed.Program, Path.Combine(Testbed.Image, "layout"), "gzip");
        _cases = lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ', 4))
            .ToImmutableDictionary(w => w[0], w => new Ended(int.Parse(w[1], CultureInfo.InvariantCulture), int.Parse(w[2], CultureInfo.InvariantCulture), w[3]));
    }

    [TestCase("http")]
    [TestCase("http-upper-case")]
    [TestCase("https")]
    [TestCase("all")]
    [TestCase("password")]
    [TestCase("password-tls")]
    public void Pulled_through_the_proxy(string name) =>
        Assert.That(_cases[name], Has.Property(nameof(Ended.Exit)).Zero.And.Property(nameof(Ended.Requests)).GreaterThan(0));

    [TestCase("direct")]
    [TestCase("no-proxy")]
    [TestCase("no-proxy-tls")]
    [TestCase("no-proxy-network")]
    public void Pulled_without_a_proxy(string name) => Assert.That(_cases[name], Has.Property(nameof(Ended.Exit)).Zero.And.Property(nameof(Ended.Requests)).Zero);

    [TestCase("no-password", "wants a user name and a password")]
    [TestCase("no-password-tls", "wants a user name and a password")]
    [TestCase("wrong-password-tls", "wants a user name and a password")]
    [TestCase("down", "through the proxy http://10.9.9.1:9: Connection refused")]
    [TestCase("down-tls", "through the proxy http://10.9.9.1:9: Connection refused")]
    public void A_proxy_that_does_not_serve_is_the_sites(string name, string says)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_cases[name].Exit, Is.EqualTo(125));
            Assert.That(_cases[name].Last, Does.StartWith("gridwrap: site: ").And.Contain(says).And.EndsWith("[step=fetch-manifest pilot=1306]").And.Not.Contain("proxy-secret"));
        }
    }

    [Test]
    public void A_registry_that_is_down_behind_a_proxy_is_not_the_sites() => Assert.That(_cases["upstream-down"].Last, Does.StartWith("gridwrap: registry: "));

    /// <param name="Requests">That the proxies saw.</param>
    /// <param name="Last">Last line of stderr.</param>
    private sealed record Ended(int Exit, int Requests, string Last);
}
