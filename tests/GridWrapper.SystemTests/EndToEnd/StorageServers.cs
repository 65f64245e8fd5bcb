using GridWrapper.Tests.Reporting;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Real storages: XRootD with and without checksums, both with an HTTP door, with TLS, behind a redirector, and Apache's WebDAV with and without TLS.</summary>
internal sealed class StorageServers
{
    internal const string Token = "good-token";

    private StorageServers(string root) => Root = root;

    internal string Root { get; }

    internal string Tls => Path.Combine(Root, "webdav/tls");

    /// <summary>Holds the CA's certificate, under the hashed name too that XRootD looks for.</summary>
    internal string Trusted => Path.Combine(Root, "certificates");

    internal string Xrootd { get; private set; } = "";

    internal string XrootdHttp { get; private set; } = "";

    internal string Silent { get; private set; } = "";

    internal string SilentHttp { get; private set; } = "";

    internal string Encrypted { get; private set; } = "";

    internal string Redirector { get; private set; } = "";

    internal string Dav { get; private set; } = "";

    internal string Davs { get; private set; } = "";

    internal static async Task<StorageServers> StartAsync()
    {
        StorageServers servers = new(Path.Combine(Testbed.Base, "storages"));
        servers.WriteCertificates();
        (string root, string http) = await servers.StartAsync("xrootd.sh", "xrootd");
        (servers.Xrootd, servers.XrootdHttp) = ($"root://127.0.0.1:{root}//", $"dav://127.0.0.1:{http}");
        (root, http) = await servers.StartAsync("xrootd.sh", "silent", "--no-checksums");
        (servers.Silent, servers.SilentHttp) = ($"root://127.0.0.1:{root}//", $"dav://127.0.0.1:{http}");
        (root, _) = await servers.StartAsync("xrootd.sh", "encrypted");
        servers.Encrypted = $"roots://127.0.0.1:{root}//";
        servers.Redirector = $"root://127.0.0.1:{(await Tool.RunAsync(Testbed.Script("xrootd-cluster.sh"), "start", Path.Combine(servers.Root, "cluster"))).Trim()}//";
        (http, string https) = await servers.StartAsync("webdav.sh", "webdav");
        (servers.Dav, servers.Davs) = ($"dav://127.0.0.1:{http}", $"davs://127.0.0.1:{https}/guarded");
        return servers;
    }

    internal async Task StopAsync()
    {
        await Tool.RunAsync(Testbed.Script("xrootd.sh"), "stop", Path.Combine(Root, "xrootd"));
        await Tool.RunAsync(Testbed.Script("xrootd.sh"), "stop", Path.Combine(Root, "silent"));
        await Tool.RunAsync(Testbed.Script("xrootd.sh"), "stop", Path.Combine(Root, "encrypted"));
        await Tool.RunAsync(Testbed.Script("xrootd-cluster.sh"), "stop", Path.Combine(Root, "cluster"));
        await Tool.RunAsync(Testbed.Script("webdav.sh"), "stop", Path.Combine(Root, "webdav"));
    }

    /// <summary>What a server has on its disk.</summary>
    internal string Store(string server) => Path.Combine(Root, server, "store");

    /// <summary>The port in an address.</summary>
    internal static int Port(string address) => new Uri(address).Port;

    internal async Task<(string First, string Second)> StartAsync(string script, string name, params string[] options)
    {
        string[] ports = (await Tool.RunAsync(Testbed.Script(script), ["start", Path.Combine(Root, name), .. options])).Trim().Split(' ');
        return (ports[0], ports[1]);
    }

    private void WriteCertificates()
    {
        TestCertificates certificates = new();
        Directory.CreateDirectory(Trusted);
        string trusted = Path.Combine(Trusted, "ca.pem");
        File.WriteAllText(trusted, certificates.CaPem);
        File.WriteAllText(Path.Combine(Trusted, Tool.Run("/usr/bin/openssl", "x509", "-hash", "-noout", "-in", trusted).Trim() + ".0"), certificates.CaPem);
        foreach (string tls in (string[])[Tls, Path.Combine(Root, "encrypted/tls")])
        {
            Directory.CreateDirectory(tls);
            File.WriteAllText(Path.Combine(tls, "ca.pem"), certificates.CaPem);
            File.WriteAllText(Path.Combine(tls, "server.pem"), certificates.ServerPem);
        }

        // Apache cannot be told to take proxies of a certificate (OpenSSL 3 has no variable for it), so the certificate itself stands in their place.
        File.WriteAllText(Path.Combine(Tls, "proxy.pem"), certificates.UserPem());
        File.WriteAllText(Path.Combine(Tls, "token"), Token);
    }
}
