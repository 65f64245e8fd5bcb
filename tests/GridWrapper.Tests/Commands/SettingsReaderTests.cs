using GridWrapper.Commands;
using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Running;

namespace GridWrapper.Tests.Commands;

/// <summary>A command line option beats the environment, which beats the site profile, which beats the default.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public class SettingsReaderTests
{
    private const string Unset = "(unset)";

    private static RunSettings Read(Dictionary<string, string> environment, string? profile, params (OptionSpec Option, string Value)[] given)
    {
        string here = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "settings-" + Guid.NewGuid().ToString("N"))).FullName;
        try
        {
            OptionValues values = new();
            Array.ForEach(given, g => values.Add(g.Option, g.Value));
            if (profile is not null)
            {
                File.WriteAllText(Path.Combine(here, "site.json"), profile);
                values.Add(GlobalOptions.Site, Path.Combine(here, "site.json"));
            }

            RunSettings settings = SettingsReader.Read(values, environment, here);
            Assert.That(settings.WorkDirectory, Is.EqualTo(here).Or.EqualTo("/tmp"));
            return settings;
        }
        finally
        {
            Directory.Delete(here, recursive: true);
        }
    }

    private static Dictionary<string, string> Environment(params (string Name, string Value)[] set) => set.Where(s => s.Value != Unset).ToDictionary(s => s.Name, s => s.Value);

    private static (OptionSpec Option, string Value)[] Given(OptionSpec option, string value) => value == Unset ? [] : [(option, value)];

    private static string Profile(string members) => members == Unset ? """{"name": "p"}""" : $$"""{"name": "p", {{members}}}""";

    [TestCase("/option", "/environment", "/profile", "/option")]
    [TestCase(Unset, "/environment", "/profile", "/environment")]
    [TestCase(Unset, Unset, "/profile", "/profile")]
    [TestCase(Unset, Unset, "${PLACE}/x", "/place/x")]
    public void Cache(string option, string variable, string profile, string expected) => Assert.That(
        Read(Environment(("GRIDWRAP_CACHE", variable), ("PLACE", "/place")), Profile($"\"cache\": {{\"directory\": \"{profile}\"}}"), Given(GlobalOptions.Cache, option)).CacheDirectory,
        Is.EqualTo(expected));

    [TestCase(Unset, Unset, Unset, "/tmp/own", "/sys/file|/elsewhere")]
    [TestCase("/tmp/own", Unset, Unset, "/tmp/own", "/sys/file|/elsewhere")]
    [TestCase("/option", "/environment", "/profile", "/option", "/sys/file|/tmp/own|/elsewhere")]
    [TestCase(Unset, "/environment", "/profile", "/environment", "/sys/file|/tmp/own|/elsewhere")]
    [TestCase(Unset, Unset, "/profile", "/profile", "/sys/file|/tmp/own|/elsewhere")]
    public void Cache_roots(string option, string variable, string profile, string own, string shared)
    {
        string file = Path.GetTempFileName();
        string place = Directory.CreateTempSubdirectory("roots").FullName;
        string There(string path) => path.Replace("/sys/file", file + "/below", StringComparison.Ordinal).Replace("/tmp/own", place + "/own", StringComparison.Ordinal);
        string directory = profile == Unset ? "null" : $"\"{profile}\"";
        RunSettings settings = Read(
            Environment(("GRIDWRAP_CACHE", variable), ("PLACE", place)),
            Profile($"\"cacheRoots\": [\"{file}/below\", \"${{PLACE}}/own/\", \"/elsewhere\"], \"cache\": {{\"directory\": {directory}}}"),
            Given(GlobalOptions.Cache, There(option)));
        File.Delete(file);
        Directory.Delete(place);

        Assert.That((settings.CacheDirectory, string.Join('|', settings.SharedCaches)), Is.EqualTo((There(own), There(shared))));
    }

    [TestCase("/scratch", "/scratch")]
    [TestCase(Unset, "/tmp")]
    public void Cache_by_default(string temporary, string parent) =>
        Assert.That(Read(Environment(("TMPDIR", temporary)), null).CacheDirectory, Does.Match($"^{parent}/gridwrap-[0-9]+$"));

    [TestCase("laptop", "wlcg-cvmfs", "laptop")]
    [TestCase(Unset, "wlcg-cvmfs", "wlcg-cvmfs")]
    [TestCase(Unset, Unset, "default")]
    public void Site(string option, string variable, string expected) =>
        Assert.That(Read(Environment(("GRIDWRAP_SITE", variable), ("HOME", "/home/tester")), null, Given(GlobalOptions.Site, option)).Site.Name, Is.EqualTo(expected));

    [TestCase("/ours", "/theirs", "/profile", "/ours")]
    [TestCase(Unset, "/theirs/", "/profile", "/theirs")]
    [TestCase(Unset, Unset, "/profile", "/profile")]
    [TestCase(Unset, Unset, Unset, "/cvmfs")]
    public void Cvmfs_root(string ours, string theirs, string profile, string expected) => Assert.That(
        Read(Environment(("GRIDWRAP_CVMFS_ROOT", ours), ("CVMFS_MOUNT_DIR", theirs)), Profile(profile == Unset ? Unset : $"\"cvmfs\": {{\"root\": \"{profile}\"}}")).Site.Cvmfs.Root,
        Is.EqualTo(expected));

    [TestCase("https://option:1", "https://profile:2", false, "https://option:1")]
    [TestCase(Unset, "https://profile:2", false, "https://profile:2")]
    [TestCase(Unset, Unset, false, null)]
    [TestCase("https://option:1", "https://profile:2", true, null)]
    public void Server(string option, string profile, bool noReport, string? expected)
    {
        (OptionSpec, string)[] given = [.. Given(GlobalOptions.Server, option), .. noReport ? Given(GlobalOptions.NoReport, "true") : []];
        Assert.That(Read([], Profile(profile == Unset ? Unset : $"\"panda\": {{\"server\": \"{profile}\"}}"), given).Server, Is.EqualTo(expected));
    }

    [TestCase("option", "profile", "pilot", "option")]
    [TestCase(Unset, "profile", "pilot", "profile")]
    [TestCase(Unset, Unset, "pilot", "pilot")]
    [TestCase(Unset, Unset, Unset, null)]
    public void Queue(string option, string profile, string pilot, string? expected) => Assert.That(
        Read(Environment(("PILOT_SITENAME", pilot)), Profile(profile == Unset ? Unset : $"\"panda\": {{\"queue\": \"{profile}\"}}"), Given(GlobalOptions.Queue, option)).Queue,
        Is.EqualTo(expected));

    [TestCase("5", "60", 5.0)]
    [TestCase("1.5", Unset, 1.5)]
    [TestCase(Unset, "60", 60.0)]
    [TestCase(Unset, Unset, null)]
    public void Time_limit(string option, string profile, double? expected) => Assert.That(
        Read([], Profile(profile == Unset ? Unset : $"\"maxWallSeconds\": {profile}"), Given(GlobalOptions.Timeout, option)).Timeout?.TotalSeconds, Is.EqualTo(expected));

    [TestCase("off", "on", "off")]
    [TestCase(Unset, "on", "on")]
    [TestCase(Unset, Unset, "auto")]
    public void Gpu(string option, string profile, string expected) =>
        Assert.That(Read([], Profile(profile == Unset ? Unset : $"\"gpu\": \"{profile}\""), Given(GlobalOptions.Gpu, option)).Gpu, Is.EqualTo(expected));

    [Test]
    public void Binds_of_the_profile_come_before_those_of_the_line()
    {
        RunSettings settings = Read([], Profile("\"binds\": [{\"source\": \"/a\", \"readOnly\": true}]"), (GlobalOptions.Bind, "/b"), (GlobalOptions.Bind, "/c:/d"), (GlobalOptions.Bind, "/e:/f:ro"));
        Assert.That(settings.Binds, Is.EqualTo(new[]
        {
            new BindMount("/a", "/a", true, true), new BindMount("/b", "/b", false, false), new BindMount("/c", "/d", false, false), new BindMount("/e", "/f", true, false),
        }));
    }

    [Test]
    public void Relative_paths_start_from_the_caller_s_directory()
    {
        RunSettings settings = Read([], null, (GlobalOptions.WorkDirectory, "/tmp"), (GlobalOptions.Result, "r.json"), (GlobalOptions.StageOut, "out"), (GlobalOptions.RegistryConfig, "c.json"), (GlobalOptions.Bind, "data:/data"));
        string here = Path.GetDirectoryName(settings.ResultFile!)!;
        Assert.That(
            (settings.StageOut.Single().Base, settings.RegistryConfig, settings.Binds[0].Source, Path.IsPathRooted(here)),
            Is.EqualTo((Path.Combine(here, "out"), Path.Combine(here, "c.json"), Path.Combine(here, "data"), true)));
    }

    [TestCase("A=b", "A", "b")]
    [TestCase("A=", "A", "")]
    [TestCase("A=b=c", "A", "b=c")]
    public void Variables(string text, string name, string value) =>
        Assert.That(Read([], null, (GlobalOptions.Env, text)).PayloadEnvironment, Is.EqualTo(new[] { new KeyValuePair<string, string>(name, value) }));

    [Test]
    public void All_faults_of_the_options_are_told_together()
    {
        Assert.That(
            () => Read([], null, (GlobalOptions.Timeout, "0"), (GlobalOptions.Env, "x"), (GlobalOptions.Bind, ":/x"), (GlobalOptions.Gpu, "maybe"), (GlobalOptions.Server, "nowhere"), (GlobalOptions.InitialDirectory, "here")),
            Throws.TypeOf<GridWrapperException>().With.Property("Failure").Property("ExitCode").EqualTo(64)
                .And.Message.Contains("--timeout 0").And.Message.Contains("--env x").And.Message.Contains("--bind :/x")
                .And.Message.Contains("--gpu maybe").And.Message.Contains("--server nowhere").And.Message.Contains("--pwd here"));
    }

    [TestCase("/a:/b:/c:/d")]
    [TestCase("/a:b")]
    [TestCase("/a:/b:rx")]
    [TestCase("")]
    public void A_bind_that_is_none(string text) =>
        Assert.That(() => Read([], null, (GlobalOptions.Bind, text)), Throws.TypeOf<GridWrapperException>().With.Message.Contains("expected SRC[:DST[:ro]]"));

    [TestCase("-1")]
    [TestCase("0")]
    [TestCase("soon")]
    [TestCase("NaN")]
    [TestCase("1e99")]
    [TestCase("")]
    public void A_time_limit_that_is_none(string text) =>
        Assert.That(() => Read([], null, (GlobalOptions.Timeout, text)), Throws.TypeOf<GridWrapperException>().With.Message.Contains("a positive number of seconds"));
}
