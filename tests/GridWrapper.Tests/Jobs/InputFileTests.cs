using GridWrapper.Jobs;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Jobs;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class InputFileTests
{
    private static string Of(string json) => string.Join("; ", InputFile.Of(new JobFields(JObject.Parse(json), new FaultList())).Select(i => $"{i.Lfn} {i.Scope} {i.Checksum} {i.SizeBytes}".Trim()));

    [TestCase("""{"inFiles": "a,b", "scopeIn": "mc,data", "checksum": "ad:1,md5:2", "fsize": "10,20"}""", "a mc ad:1 10; b data md5:2 20")]
    [TestCase("""{"inFiles": "a,b", "scopeIn": "mc", "checksum": "NULL,md5:2", "fsize": "10,x"}""", "a   10; b  md5:2")]
    [TestCase("""{"inFiles": "a,NULL,a", "scopeIn": "mc,x,y"}""", "a mc")]
    [TestCase("""{"inFiles": ""}""", "")]
    [TestCase("{}", "")]
    public void A_list_of_another_length_says_nothing(string json, string expected) => Assert.That(Of(json), Is.EqualTo(expected));
}
