using System.Net;
using GridWrapper.Diagnostics;

namespace GridWrapper.Tests.Diagnostics;

[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed class EnvironmentProxyTests
{
    [TestCase("http://127.0.0.1:5000/", true)]
    [TestCase("http://localhost/", true)]
    [TestCase("http://[::1]:5000/", true)]
    [TestCase("https://registry.example.org/", false)]
    public void Proxies_are_never_used_for_this_node(string uri, bool direct) => Assert.That(IsDirect(uri, null), Is.EqualTo(direct));

    [TestCase("registry.example.org", "https://registry.example.org/", true)]
    [TestCase("Registry.Example.org", "https://registry.example.ORG/", true)]
    [TestCase("example.org", "https://registry.example.org/", true)]
    [TestCase(".example.org", "https://registry.example.org/", true)]
    [TestCase("*.example.org", "https://registry.example.org/", true)]
    [TestCase("ample.org", "https://registry.example.org/", false)]
    [TestCase("registry.example.org", "https://example.org/", false)]
    [TestCase("other, registry.example.org", "https://registry.example.org/", true)]
    [TestCase("registry.example.org:5000", "https://registry.example.org:5000/", true)]
    [TestCase("registry.example.org:5000", "https://registry.example.org/", false)]
    [TestCase("*", "https://anything.example.com/", true)]
    [TestCase("10.0.0.0/8", "http://10.1.2.3:5000/", true)]
    [TestCase("10.1.2.3/8", "http://10.200.0.1/", true)]
    [TestCase("10.0.0.0/8", "http://11.0.0.1/", false)]
    [TestCase("192.168.4.0/22", "http://192.168.7.255/", true)]
    [TestCase("192.168.4.0/22", "http://192.168.8.0/", false)]
    [TestCase("0.0.0.0/0", "http://192.0.2.1/", true)]
    [TestCase("192.0.2.1", "http://192.0.2.1/", true)]
    [TestCase("192.0.2.1:80", "http://192.0.2.1/", true)]
    [TestCase("192.0.2.1:81", "http://192.0.2.1/", false)]
    [TestCase("2001:db8::/32", "http://[2001:db8:1::1]:80/", true)]
    [TestCase("[2001:db8::1]:80", "http://[2001:db8::1]/", true)]
    [TestCase("2001:db8::/32", "http://[2001:db9::1]/", false)]
    [TestCase("10.0.0.0/8", "http://[::ffff:10.0.0.1]/", true)]
    [TestCase("10.0.0.0/33", "http://10.0.0.1/", false)]
    [TestCase("10.0.0.0/x", "http://10.0.0.1/", false)]
    [TestCase("10.0.0.0/8", "http://ten.example.org/", false)]
    [TestCase(" ,, ", "http://ten.example.org/", false)]
    [TestCase(".", "http://ten.example.org/", false)]
    public void What_NO_PROXY_names_is_reached_directly(string noProxy, string uri, bool direct) => Assert.That(IsDirect(uri, noProxy), Is.EqualTo(direct));

    private static bool IsDirect(string uri, string? noProxy)
    {
        var proxy = new EnvironmentProxy(new WebProxy("http://proxy.example.org:3128"), noProxy);
        Uri? through = proxy.GetProxy(new Uri(uri));
        Assert.That(proxy.IsBypassed(new Uri(uri)), Is.EqualTo(through is null));
        return through is null;
    }
}
