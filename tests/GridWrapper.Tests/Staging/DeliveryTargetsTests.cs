using GridWrapper.Images;
using GridWrapper.Jobs;
using GridWrapper.Sites;
using GridWrapper.Staging;

namespace GridWrapper.Tests.Staging;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class DeliveryTargetsTests
{
    private static readonly ImmutableSortedDictionary<string, string> Endpoints =
        ImmutableSortedDictionary<string, string>.Empty.Add("SCRATCH", "davs://se.example/scratch/{rucio}").Add("SPARE", "/spare");

    private static JobRequest Job(bool? alternative = null) => new()
    {
        Image = new ImageReference.AtPath("/image"),
        Exec = "true",
        Outputs = [new OutputSpec("a", "A", OutputKind.File) { Endpoint = "SCRATCH", Scope = "user.x" }, new OutputSpec("b", "B", OutputKind.File) { Endpoint = "UNKNOWN" }, new OutputSpec("regex|c", "regex|c", OutputKind.Regex)],
        LogFile = "L",
        LogEndpoint = "SPARE",
        AlternativeStageOut = alternative,
    };

    private static string Of(JobRequest job, string lfn, bool given, params string[] addresses) =>
        string.Join(' ', new DeliveryTargets(job, [.. addresses.Select(StorageAddress.Of)], Endpoints, given).Of(lfn));

    [TestCase("A", null, false, "https://se.example/scratch/{rucio} /one /spare", Description = "where the job wants it")]
    [TestCase("B", null, false, "/one /spare", Description = "the profile does not know the job's endpoint")]
    [TestCase("C", null, false, "/one /spare", Description = "the job names none")]
    [TestCase("L", null, false, "/spare /one")]
    [TestCase("A", true, false, "https://se.example/scratch/{rucio} /one /spare")]
    [TestCase("A", false, false, "https://se.example/scratch/{rucio}", Description = "altStageOut off")]
    [TestCase("B", false, false, "/one")]
    [TestCase("A", null, true, "/one /spare", Description = "the command line says where")]
    [TestCase("A", false, true, "/one")]
    public void A_file_may_go_to(string lfn, bool? alternative, bool given, string expected) =>
        Assert.That(Of(Job(alternative), lfn, given, "/one", "/spare"), Is.EqualTo(expected));

    [Test]
    public void Without_addresses_only_endpoints_that_the_profile_knows_count()
    {
        DeliveryTargets some = new(Job(), [], Endpoints, callerChooses: false);
        DeliveryTargets none = new(Job() with { Outputs = [Job().Outputs[1]], LogEndpoint = null }, [], Endpoints, callerChooses: false);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((some.IsEmpty, none.IsEmpty), Is.EqualTo((false, true)));
            Assert.That(some.Lists().Select(l => string.Join(' ', l)), Is.EqualTo(new[] { "https://se.example/scratch/{rucio}", "", "/spare" }));
            Assert.That((some.NameOf(StorageAddress.Of("/spare")), some.NameOf(StorageAddress.Of("/other"))), Is.EqualTo(("SPARE", (string?)null)));
        }
    }

    [Test]
    public void A_job_that_wants_everything_at_one_place_wants_files_there_whose_names_are_not_known_before() =>
        Assert.That(Of(Job() with { Endpoint = "SPARE" }, "c1", false, "/one"), Is.EqualTo("/spare /one"));

    [Test]
    public void The_plan_names_each_files_places()
    {
        JobRequest job = Job() with { InputFiles = [new InputFile("in") { Scope = "mc" }, new InputFile("bare")] };
        DeliveryTargets targets = new(job, [StorageAddress.Of("/one/{rucio}"), StorageAddress.Of("harvester://")], Endpoints, callerChooses: false);
        StoragePlan plan = StoragePlan.Of(job, InputStaging.Of(job, []), [StorageAddress.Of("root://se//x/{rucio}"), StorageAddress.Of("/pool")], targets);
        string Show(ImmutableArray<StoragePlan.Entry> entries) => string.Join('\n', entries.Select(e => $"{e.Lfn}: {string.Join(", ", e.Places)}"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Show(plan.Inputs), Is.EqualTo("""
                in: root://se//x/mc/90/c9/in, /pool/in
                bare: (root://se//x/{rucio} needs the scope of bare, and the job names none (scopeIn)), /pool/bare
                """));
            Assert.That(Show(plan.Outputs), Is.EqualTo("""
                A: https://se.example/scratch/user/x/1e/eb/A, /one/user/x/1e/eb/A, harvester://
                B: (/one/{rucio} needs the scope of the file, and the job names none (scopeOut, scopeLog)), harvester://
                regex|c: /one/{rucio}, harvester://
                L: /spare/L, (/one/{rucio} needs the scope of the file, and the job names none (scopeOut, scopeLog)), harvester://
                """));
        }
    }

    [Test]
    public void Nothing_is_planned_where_nothing_travels()
    {
        StoragePlan plan = StoragePlan.Of(Job(), [new WantedInput("in")], [], new DeliveryTargets(Job(), [], ImmutableSortedDictionary<string, string>.Empty, callerChooses: false));
        Assert.That((plan.Inputs.Length, plan.Outputs.Length), Is.EqualTo((0, 0)));
    }
}
