using GridWrapper.Diagnostics;
using GridWrapper.Sites;

namespace GridWrapper.Tests.Sites;

[Parallelizable(ParallelScope.All)]
public sealed class SiteProfilesTest
{
    private static readonly Dictionary<string, string> NoEnvironment = [];

    private static string[] Names => [.. SiteProfiles.List().Select(s => s.Name)];

    [Test]
    public void The_default_made_in_code_is_the_one_in_the_file() =>
        Assert.That(SiteProfileWriter.Write(SiteProfiles.Load("default")), Is.EqualTo(SiteProfileWriter.Write(SiteProfiles.Select(null, NoEnvironment))));

    [Test]
    public void The_first_profiles_are_built_in()
    {
        Assert.That(Names, Is.EqualTo(new[] { "default", "hpc-apptainer", "kubernetes-pilot", "laptop", "wlcg-cvmfs" }));
        Assert.That(SiteProfiles.List().Where(s => s.Name != "default").Select(s => s.Description), Has.All.Length.GreaterThan(20));
    }

    [TestCaseSource(nameof(Names))]
    public void A_built_in_profile_is_named_like_its_file(string name) => Assert.That(SiteProfiles.Load(name).Name, Is.EqualTo(name));

    [TestCase(null, null, "default")]
    [TestCase(null, "", "default")]
    [TestCase("", "laptop", "laptop")]
    [TestCase(null, "laptop", "laptop")]
    [TestCase("wlcg-cvmfs", "laptop", "wlcg-cvmfs")]
    [TestCase("default", "laptop", "default")]
    public void Option_beats_environment_beats_default(string? option, string? variable, string expected)
    {
        Dictionary<string, string> environment = variable is null ? [] : new() { ["GRIDWRAP_SITE"] = variable };
        Assert.That(SiteProfiles.Select(option, environment).Name, Is.EqualTo(expected));
    }

    [Test]
    public void A_file_is_taken_by_its_slash_or_its_ending()
    {
        string directory = Directory.CreateTempSubdirectory("gw-sites-").FullName;
        string file = Path.Combine(directory, "mine");
        File.WriteAllText(file, """{ "name": "mine" }""");
        Assert.That(SiteProfiles.Select(file, NoEnvironment).Name, Is.EqualTo("mine"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(SiteProfiles.IsFile("mine.json"), Is.True);
            Assert.That(SiteProfiles.IsFile("./mine"), Is.True);
            Assert.That(SiteProfiles.IsFile("laptop"), Is.False);
        }

        Directory.Delete(directory, true);
    }

    [TestCase("labtop", "there is no built-in site profile \"labtop\" (did you mean \"laptop\"?); there are: default, hpc-apptainer")]
    [TestCase("schema", "there is no built-in site profile \"schema\"")]
    [TestCase("/nonexistent/x.json", "site profile /nonexistent/x.json cannot be read: ENOENT (no such file or directory)")]
    [TestCase("/usr/", "site profile /usr/ cannot be read: EACCES (permission denied, or it is a directory)")]
    [TestCase("/cvmfs/some.repo/site.json", "lies on CVMFS")]
    public void A_profile_that_is_not_there_is_the_sites_fault(string name, string part)
    {
        GridWrapperException thrown = Assert.Throws<GridWrapperException>(() => SiteProfiles.Select(name, NoEnvironment));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(thrown.Message, Does.Contain(part));
            Assert.That(thrown.Failure.ExitCode, Is.EqualTo(ExitCodes.Usage));
            Assert.That(thrown.Failure.Blame, Is.EqualTo(Blame.Site));
        }
    }

    [Test]
    public void Validation_lists_the_faults_of_a_file()
    {
        string directory = Directory.CreateTempSubdirectory("gw-sites-").FullName;
        string file = Path.Combine(directory, "bad.json");
        File.WriteAllText(file, """{ "name": "x", "gpus": "on" }""");
        Assert.That(SiteProfiles.Validate(file), Is.EqualTo(new[] { $"{file}:1:16: gpus: unknown key (did you mean \"gpu\"?)" }));
        Assert.That(SiteProfiles.Validate("laptop"), Is.Empty);
        Directory.Delete(directory, true);
    }

    [TestCase("/plain", "/plain")]
    [TestCase("${A}/b", "/a/b")]
    [TestCase("/x/${B}-${B}", "/x/2-2")]
    [TestCase("${NONE:-/tmp}/c", "/tmp/c")]
    [TestCase("${EMPTY:-/tmp}", "/tmp")]
    [TestCase("${A:-/tmp}", "/a")]
    [TestCase("/$A/$", "/$A/$")]
    public void References_to_the_environment_are_replaced(string text, string expected)
    {
        Dictionary<string, string> environment = new() { ["A"] = "/a", ["B"] = "2", ["EMPTY"] = "" };
        SiteProfile profile = new() { Name = "x", Cache = new() { Directory = text } };
        Assert.That(SiteProfiles.CacheDirectory(profile, environment), Is.EqualTo(expected));
    }

    [TestCase("${NONE}/b", "NONE is not set in the environment")]
    [TestCase("${REL}/b", "becomes \"rel/b\" here: an absolute path is required")]
    public void A_cache_directory_that_cannot_be_known_is_refused(string text, string part)
    {
        SiteProfile profile = new() { Name = "x", Cache = new() { Directory = text } };
        GridWrapperException thrown = Assert.Throws<GridWrapperException>(() => SiteProfiles.CacheDirectory(profile, new Dictionary<string, string> { ["REL"] = "rel" }));
        Assert.That(thrown.Message, Does.Contain(part));
    }

    [Test]
    public void An_optional_bind_without_its_variable_is_left_out_and_a_required_one_is_refused()
    {
        SiteProfile optional = new() { Name = "x", Binds = [new BindRule("${NONE}/a"), new BindRule("/b"), new BindRule("${C}", "/c", false, false)] };
        Dictionary<string, string> environment = new() { ["C"] = "/scratch" };
        Assert.That(SiteProfiles.Binds(optional, environment), Is.EqualTo(new[] { new BindRule("/b"), new BindRule("/scratch", "/c", false, false) }));

        SiteProfile required = new() { Name = "x", Binds = [new BindRule("${NONE}", null, true, false)] };
        Assert.That(() => SiteProfiles.Binds(required, environment), Throws.TypeOf<GridWrapperException>());
    }
}
