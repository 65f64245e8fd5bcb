using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
public class PoolFileCatalogTests
{
    internal const string Text = """
        <?xml version="1.0" encoding="UTF-8" standalone="no" ?>
        <!-- Edited By POOL -->
        <!DOCTYPE POOLFILECATALOG SYSTEM "InMemory">
        <POOLFILECATALOG>
          <File ID="A1">
            <physical><pfn filetype="ROOT_All" name="root://se.example:1094//a/AOD.1.root"/></physical>
            <logical><lfn name="AOD.1.root"/></logical>
          </File>
          <File ID="A2">
            <physical><pfn filetype="ROOT_All" name="AOD.2.root"/></physical>
            <logical/>
          </File>
          <File ID="A3">
            <physical><pfn filetype="ROOT_All" name="/pool/atlas/x&amp;y"/></physical>
            <logical><lfn name="AOD.3.root"/></logical>
          </File>
        </POOLFILECATALOG>
        """;

    [Test]
    public void Logical_names_lead_to_physical_ones() => Assert.That(
        PoolFileCatalog.Read(Text).Select(static e => $"{e.Key} {e.Value}"),
        Is.EquivalentTo(new[] { "AOD.1.root root://se.example:1094//a/AOD.1.root", "AOD.2.root AOD.2.root", "AOD.3.root /pool/atlas/x&y" }));

    [TestCase("")]
    [TestCase("no xml")]
    [TestCase("<POOLFILECATALOG>")]
    [TestCase("<html></html>")]
    public void What_is_no_catalogue_is_said_to_be_none(string text) => Assert.That(() => PoolFileCatalog.Read(text), Throws.TypeOf<FormatException>().With.Message.Contains("PoolFileCatalog.xml"));

    [Test]
    public void Nothing_outside_is_read() => Assert.That(
        () => PoolFileCatalog.Read("<!DOCTYPE POOLFILECATALOG [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><POOLFILECATALOG><File><pfn name=\"&x;\"/></File></POOLFILECATALOG>"),
        Throws.TypeOf<FormatException>());
}
