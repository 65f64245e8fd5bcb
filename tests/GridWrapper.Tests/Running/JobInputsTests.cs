using GridWrapper.Diagnostics;
using GridWrapper.Running;
using GridWrapper.Tests.Jobs;

namespace GridWrapper.Tests.Running;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class JobInputsTests
{
    [TestCase("AOD.1.root", "root://se.example:1094//a/AOD.1.root", Description = "direct access: the catalogue's address")]
    [TestCase("AOD.2.root", "/ctrdata/AOD.2.root", Description = "staged in")]
    [TestCase("plain", "/ctrdata/plain", Description = "staged in, not in the catalogue")]
    [TestCase("root://se//x", "root://se//x", Description = "--givenPFN")]
    [TestCase("file:///cvmfs/repo/x", "/cvmfs/repo/x", Description = "on CVMFS, not looked at")]
    [TestCase("/cvmfs/repo/y", "/cvmfs/repo/y")]
    [TestCase("AOD.3.root", "missing", Description = "the catalogue's path is not there")]
    [TestCase("gone", "missing")]
    [TestCase("/nowhere/x", "missing")]
    public void An_input_is_called_by_the_payload(string name, string expected)
    {
        using RunningScratch scratch = new();
        _ = scratch.Write("PoolFileCatalog.xml", PoolFileCatalogTests.Text);
        _ = scratch.Write("AOD.1.root");
        _ = scratch.Write("AOD.2.root");
        _ = scratch.Write("plain");
        JobInputs inputs = new(scratch.Settings, RunningScratch.Request() with { Inputs = [name] });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(inputs.Missing.IsEmpty ? inputs.Seen(name) : "missing", Is.EqualTo(expected));
            Assert.That(inputs.NeedCvmfs, Is.EqualTo(name.Contains("/cvmfs/", StringComparison.Ordinal)));
            Assert.That(inputs.Binds, Is.Empty);
        }
    }

    [Test]
    public void A_file_elsewhere_on_the_node_is_linked_for_the_time_of_the_payload()
    {
        using RunningScratch scratch = new();
        string pool = Path.Combine(scratch.Base, "pool");
        File.WriteAllText(pool, "data");
        _ = scratch.Write("PoolFileCatalog.xml", $"<POOLFILECATALOG><File><physical><pfn name=\"{pool}\"/></physical><logical><lfn name=\"in.root\"/></logical></File></POOLFILECATALOG>");
        JobInputs inputs = new(scratch.Settings, RunningScratch.Request() with { Inputs = ["in.root"] });
        inputs.Link();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((inputs.Missing.Length, inputs.Seen("in.root")), Is.EqualTo((0, "/ctrdata/in.root")));
            Assert.That(inputs.Binds.Select(static b => (b.Source, b.Target, b.ReadOnly, b.Optional)), Is.EqualTo(new[] { (pool, pool, true, false) }));
            Assert.That(new FileInfo(Path.Combine(scratch.Job, "in.root")).LinkTarget, Is.EqualTo(pool));
        }

        inputs.Unlink();
        Assert.That(Directory.GetFiles(scratch.Job).Select(Path.GetFileName), Is.EqualTo(new[] { "PoolFileCatalog.xml" }));
        Assert.That(File.Exists(pool), Is.True);
    }

    [TestCase("absolute", "/ctrdata/in")]
    [TestCase("relative", "/ctrdata/in")]
    [TestCase("within", "/ctrdata/in")]
    [TestCase("dangling", "missing")]
    public void A_link_that_stage_in_made_leads_inside_to_what_it_leads_to_outside(string kind, string expected)
    {
        using RunningScratch scratch = new();
        string pool = Path.Combine(scratch.Base, "pool");
        File.WriteAllText(pool, "data");
        _ = scratch.Write("real");
        _ = File.CreateSymbolicLink(Path.Combine(scratch.Job, "in"), kind switch { "absolute" => pool, "relative" => "../pool", "within" => "real", _ => "/nowhere/x" });
        JobInputs inputs = new(scratch.Settings, RunningScratch.Request() with { Inputs = ["in"] });
        string? target = kind switch { "absolute" => pool, "relative" => "/pool", _ => null };
        using (Assert.EnterMultipleScope())
        {
            Assert.That(inputs.Missing.IsEmpty ? inputs.Seen("in") : "missing", Is.EqualTo(expected));
            Assert.That(inputs.Binds.Select(static b => (b.Source, b.Target)), Is.EqualTo(target is null ? [] : new[] { (pool, target) }));
        }

        inputs.Unlink();
        Assert.That(new FileInfo(Path.Combine(scratch.Job, "in")).LinkTarget, Is.Not.Null, "it is not ours");
    }

    [Test]
    public void A_broken_catalogue_is_the_sites_fault()
    {
        using RunningScratch scratch = new();
        _ = scratch.Write("PoolFileCatalog.xml", "<POOLFILE");
        Assert.That(
            () => new JobInputs(scratch.Settings, RunningScratch.Request() with { Inputs = ["a"] }),
            Throws.TypeOf<GridWrapperException>().With.Property("Failure").Property("PilotErrorCode").EqualTo(PilotError.MissingInputFile).And.Message.Contains("not XML"));
        Assert.That(new JobInputs(scratch.Settings, RunningScratch.Request()).Missing, Is.Empty, "without inputs nobody reads it");
    }

    [TestCase("--nocvmfs --nohome", true, "", "")]
    [TestCase("--nv -c -i", false, "", "")]
    [TestCase("--env A=1 --env=B=2=3", false, "A=1 B=2=3", "")]
    [TestCase("-e \"-c -i --env C=4\" --nohome", false, "C=4", "")]
    [TestCase("-B /:/host --frobnicate", false, "", "-B /:/host|--frobnicate")]
    [TestCase("'unclosed", false, "", "'unclosed")]
    [TestCase(null, false, "", "")]
    public void Runtime_options_of_a_job(string? text, bool noCvmfs, string variables, string ignored)
    {
        ExecArguments read = ExecArguments.Read(text);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.NoCvmfs, Is.EqualTo(noCvmfs));
            Assert.That(string.Join(' ', read.Environment.Select(static e => $"{e.Key}={e.Value}")), Is.EqualTo(variables));
            Assert.That(string.Join('|', read.Ignored), Is.EqualTo(ignored));
        }
    }
}
