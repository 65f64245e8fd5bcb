using System.Reflection;
using GridWrapper.Sites;
using GridWrapper.Tests.Documentation;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Sites;

/// <summary>site-configs/schema.json, the records, the reader and the writer describe the same document.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SiteSchemaTest
{
    private const string Schema = "site-configs/schema.json";

    private static string[] ProfileFiles => [.. Directory.GetFiles(Repository.PathOf("site-configs"), "*.json").Select(f => Path.GetFileName(f)).Where(n => n != "schema.json").Order()];

    private static IEnumerable<TestCaseData> Records()
    {
        yield return new TestCaseData("", typeof(SiteProfile));
        yield return new TestCaseData("cvmfs", typeof(CvmfsPolicy));
        yield return new TestCaseData("cache", typeof(CachePolicy));
        yield return new TestCaseData("registries", typeof(RegistryPolicy));
        yield return new TestCaseData("images", typeof(ImagePolicy));
        yield return new TestCaseData("apptainer", typeof(ApptainerPolicy));
        yield return new TestCaseData("binds[]", typeof(BindRule));
        yield return new TestCaseData("environment", typeof(EnvironmentPolicy));
        yield return new TestCaseData("panda", typeof(PandaPolicy));
        yield return new TestCaseData("storage", typeof(StoragePolicy));
    }

    [TestCaseSource(nameof(ProfileFiles))]
    public async Task A_profile_file_satisfies_the_schema(string file) =>
        Assert.That(await SchemaCheck.FaultsAsync(Schema, Repository.Read("site-configs/" + file)), Is.Empty);

    [TestCaseSource(nameof(Records))]
    public async Task The_schema_names_what_the_record_holds(string path, Type record)
    {
        string[] expected = [.. record.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => char.ToLowerInvariant(p.Name[0]) + p.Name[1..])];
        string[] properties = await SchemaCheck.PropertiesAsync(Schema, path);
        Assert.That(properties.Where(p => p != "$schema"), Is.EquivalentTo(expected));
    }

    [TestCaseSource(nameof(Records))]
    public void The_writer_names_what_the_record_holds(string path, Type record)
    {
        JToken json = SiteProfileWriter.ToJson(new SiteProfile { Name = "x", Binds = [new BindRule("/a")] });
        JObject at = (JObject)json.SelectToken(path.Replace("[]", "[0]", StringComparison.Ordinal))!;
        string[] expected = [.. record.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => char.ToLowerInvariant(p.Name[0]) + p.Name[1..])];
        Assert.That(at.Properties().Select(p => p.Name), Is.EquivalentTo(expected));
    }

    [Test]
    public async Task A_profile_with_every_default_written_out_satisfies_the_schema() =>
        Assert.That(await SchemaCheck.FaultsAsync(Schema, SiteProfileWriter.Write(new SiteProfile { Name = "x" })), Is.Empty);

    [Test]
    public void The_defaults_that_the_schema_states_are_the_records_own()
    {
        JObject schema = JObject.Parse(Repository.Read(Schema));
        JObject written = JObject.Parse(SiteProfileWriter.Write(new SiteProfile { Name = "x" }));
        using IDisposable scope = Assert.EnterMultipleScope();
        foreach (JProperty stated in schema.Descendants().OfType<JProperty>().Where(p => p.Name == "default" && !p.Path.Contains("binds.items", StringComparison.Ordinal)))
        {
            string path = stated.Parent!.Path.Replace(".properties", "", StringComparison.Ordinal).Replace("properties.", "", StringComparison.Ordinal);
            JToken actual = written.SelectToken(path)!;
            bool same = JToken.DeepEquals(stated.Value, actual) || (stated.Value.Type == JTokenType.Integer && (double)stated.Value == (double)actual);
            Assert.That(same, Is.True, $"{path}: schema {stated.Value}, record {actual}");
        }
    }

    [TestCase("""{ "name": "x", "gpu": "maybe" }""")]
    [TestCase("""{ "name": "x", "surprise": 1 }""")]
    [TestCase("""{ "description": "nameless" }""")]
    [TestCase("""{ "name": "x", "launchers": [] }""")]
    [TestCase("""{ "name": "x", "binds": [{ "target": "/t" }] }""")]
    [TestCase("""{ "name": "x", "cvmfs": { "root": "cvmfs" } }""")]
    [TestCase("""{ "name": "x", "graceSeconds": -1 }""")]
    public async Task What_the_reader_refuses_the_schema_refuses_too(string text)
    {
        Assert.That(SiteProfileReader.Check(text).Profile, Is.Null);
        Assert.That(await SchemaCheck.FaultsAsync(Schema, text), Is.Not.Empty);
    }
}
