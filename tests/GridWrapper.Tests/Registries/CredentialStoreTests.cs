using GridWrapper.Diagnostics;
using GridWrapper.Registries;
using GridWrapper.Sites;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Registries;

[Parallelizable(ParallelScope.All)]
internal sealed class CredentialStoreTests
{
    [TestCase("https://index.docker.io/v1/", "docker.io")]
    [TestCase("docker.io", "docker.io")]
    [TestCase("registry.example.org", "registry.example.org")]
    [TestCase("https://registry.example.org/v2/", "registry.example.org")]
    [TestCase("registry.example.org/team", "registry.example.org")]
    [TestCase("registry.example.org/team/image", "registry.example.org")]
    public void Keys_of_every_custom_are_understood(string key, string host) =>
        Assert.That(Find(host, $$$$"""{"auths":{"{{{{key}}}}":{"auth":"dTpw"}}}"""), Is.EqualTo("dTpw"));

    [TestCase("registry.example.org/tea")]
    [TestCase("registry.example.org/other")]
    [TestCase("example.org")]
    [TestCase("registry.example.org:5000")]
    public void Keys_of_others_are_not_taken(string key) => Assert.That(Find("registry.example.org", $$$$"""{"auths":{"{{{{key}}}}":{"auth":"dTpw"}}}"""), Is.Null);

    [Test]
    public void The_longest_key_wins() =>
        Assert.That(Find("r.example", """{"auths":{"r.example":{"auth":"YTph"},"r.example/team":{"auth":"Yjpi"}}}"""), Is.EqualTo("Yjpi"));

    [Test]
    public void Files_are_asked_in_order_and_the_first_with_an_entry_answers()
    {
        string directory = TreeListing.NewDirectory();
        string option = Write(directory, "option.json", "a:a", "other.example");
        string variable = Write(directory, "variable.json", "b:b", "r.example");
        string profile = Write(directory, "profile.json", "c:c", "r.example");
        Write(directory, ".docker/config.json", "d:d", "r.example");
        var environment = new Dictionary<string, string> { ["REGISTRY_AUTH_FILE"] = variable, ["HOME"] = directory };

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Find(CredentialStore.Locate(option, profile, environment.GetValueOrDefault)), Is.EqualTo(Convert.ToBase64String("b:b"u8)));
            environment.Remove("REGISTRY_AUTH_FILE");
            Assert.That(Find(CredentialStore.Locate(option, profile, environment.GetValueOrDefault)), Is.EqualTo(Convert.ToBase64String("c:c"u8)));
            Assert.That(Find(CredentialStore.Locate(option, null, environment.GetValueOrDefault)), Is.EqualTo(Convert.ToBase64String("d:d"u8)));
        }
    }

    [Test]
    public void An_option_that_names_no_file_is_the_users_fault() =>
        Assert.That(() => CredentialStore.Locate("/does/not/exist", null, _ => null), Throws.TypeOf<GridWrapperException>().With.Message.Contains("--registry-config"));

    [Test]
    public void A_damaged_file_is_named_without_its_text()
    {
        string path = Path.Combine(TreeListing.NewDirectory(), "config.json");
        File.WriteAllText(path, """{"auths":{"r.example":{"auth":"c2VjcmV0OnNlY3JldA==" oops""");

        GridWrapperException fault = Assert.Throws<GridWrapperException>(() => Find(CredentialStore.Locate(path, null, _ => null)))!;

        Assert.That(fault.ToString(), Does.Contain(path).And.Not.Contain("c2Vjcm"));
    }

    private static string? Find(string host, string json)
    {
        string path = Path.Combine(TreeListing.NewDirectory(), "config.json");
        File.WriteAllText(path, json);
        return Find(CredentialStore.Locate(path, null, _ => null), host);
    }

    private static string? Find(CredentialStore store, string host = "r.example") =>
        (store.Find(RegistryEndpoint.For(host, new RegistryPolicy()), "team/image", out _) as RegistryCredentials.Basic)?.HeaderValue;

    private static string Write(string directory, string name, string pair, string host)
    {
        string path = Path.Combine(directory, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, $$$$"""{"auths":{"{{{{host}}}}":{"auth":"{{{{Convert.ToBase64String(Encoding.UTF8.GetBytes(pair))}}}}"}}}""");
        return path;
    }
}
