using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>What all end-to-end tests share: the published file where an ordinary user can read it, the test image, and two real registries that hold it.</summary>
[SetUpFixture]
public sealed class Testbed
{
    internal const string User = "alice";
    internal const string Password = "wonder:land";
    private const string Name = "testbed/image";

    /// <summary>Below /tmp, which the Debian tree of in-trixie.sh shares with the host.</summary>
    internal static string Base { get; private set; } = "";

    /// <summary>The published file.</summary>
    internal static string Program { get; private set; } = "";

    /// <summary>See image.sh: layout, oci.tar, docker.tar, rootfs, expected.</summary>
    internal static string Image { get; private set; } = "";

    /// <summary>The image's unpacked tree, readable by everybody as in CVMFS.</summary>
    internal static string ReadableTree => Path.Combine(Base, "tree");

    /// <summary>ADDRESS/testbed/image of the open registry.</summary>
    internal static string Repository => $"{Address}/{Name}";

    /// <summary>127.0.0.1:PORT.</summary>
    internal static string Address { get; private set; } = "";

    /// <summary>The registry that asks for a password.</summary>
    internal static string GuardedAddress { get; private set; } = "";

    internal static string GuardedRepository => $"{GuardedAddress}/{Name}";

    /// <summary>Digests of the image's tags in the registry.</summary>
    internal static ImmutableDictionary<string, string> Digests { get; private set; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The config digest of the tags gzip, zstd and plain: one image in three packings.</summary>
    internal static string ConfigDigest
    {
        get
        {
            string manifest = Path.Combine(Image, "layout/blobs/sha256", Digests["gzip"]["sha256:".Length..]);
            return (string)JObject.Parse(File.ReadAllText(manifest))["config"]!["digest"]!;
        }
    }

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("the end-to-end tests need root: they become an ordinary user, mount and start servers");
        }

        string published = InCheckout("artifacts/linux-x64/gridwrap");
        Assert.That(published, Does.Exist, "the end-to-end tests run the published file: run ./build.sh first");
        Base = Directory.CreateTempSubdirectory("gridwrap-e2e-").FullName;
        Tool.Run("/bin/chmod", "0755", Base);
        Program = Path.Combine(Base, "bin/gridwrap");
        Tool.Run("/usr/bin/install", "-D", "-m", "0755", published, Program);
        Image = Path.Combine(Base, "image");
        Address = (await Tool.RunAsync(Script("registry.sh"), "start", Path.Combine(Base, "registry"), "0")).Trim();
        GuardedAddress = (await Tool.RunAsync(Script("registry.sh"), "start", Path.Combine(Base, "guarded"), "0", "--auth", "htpasswd", User, Password)).Trim();
        string tags = await Tool.RunAsync(Script("image.sh"), Image, "--push", Repository, "--owner", "12345");
        await Tool.RunAsync(Script("image.sh"), Image, "--push", GuardedRepository, "--owner", "12345", "--creds", $"{User}:{Password}");
        await Tool.RunAsync("/bin/cp", "-a", Path.Combine(Image, "rootfs"), ReadableTree);
        await Tool.RunAsync("/bin/chmod", "-R", "ug-s,a+rX", ReadableTree);
        await Tool.RunAsync("/bin/chown", "-Rh", "0:0", ReadableTree);
        Digests = tags.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).ToImmutableDictionary(words => words[0], words => words[1]);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (Base.Length == 0)
        {
            return;
        }

        await Tool.RunAsync(Script("registry.sh"), "stop", Path.Combine(Base, "registry"));
        await Tool.RunAsync(Script("registry.sh"), "stop", Path.Combine(Base, "guarded"));
        Assert.That(Area.Mounts(Base), Is.Empty, "mounts were left behind");
        Directory.Delete(Base, recursive: true);
    }

    /// <summary>A script of tests/testbed.</summary>
    internal static string Script(string name) => Path.Combine(InCheckout("tests/testbed"), name);

    /// <summary>Requests that the open registry answered so far, one line each.</summary>
    internal static string[] AccessLog() => File.ReadAllLines(Path.Combine(Base, "registry/access.log"));

    /// <summary>A path of the checkout.</summary>
    private static string InCheckout(string relative) => GridWrapper.Tests.Documentation.Repository.PathOf(relative);
}
