using GridWrapper.Jobs;

namespace GridWrapper.Tests.Jobs;

/// <summary>The known traps of PanDA's job definitions, by the numbers of the list in docs/pilot-developers.md.</summary>
[Parallelizable(ParallelScope.All)]
public class JobTrapTests
{
    private const string Prefix = "-j \\\"\\\" --sourceURL https://cache.example:25443 -r . ";

    [Test]
    public void Trap_10_the_image_stands_beside_jobPars_and_the_command_is_containerExec()
    {
        JobRequest job = Read($$"""
            {"PandaID": 1, "jobPars": "{{Prefix}}-a jobO.x.tar.gz -o \"{'out.json': 'T.out.json'}\" -p \"echo%20hello\"", "outFiles": "T.out.json", "scopeOut": "user.t",
             "container_name": "docker://other:1", "containerOptions": {"containerExec": "cat x; /bin/sh __run_main_exec.sh", "containerImage": "docker://alpine:3.7", "execArgs": "--nocvmfs --nohome"},
             "preprocess": {"command": "http://s/trf/user/runGen-00-00-02", "args": "--preprocess -j"}, "postprocess": {"command": "http://s/trf/user/runGen-00-00-02", "args": "--postprocess -j"} }
            """);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(job.Image.ToString(), Is.EqualTo("docker://docker.io/library/alpine:3.7"));
            Assert.That(job.Exec, Is.EqualTo("cat x; /bin/sh __run_main_exec.sh"));
            Assert.That((job.Preprocess?.Args, job.Postprocess?.Args, job.ExecArgs), Is.EqualTo(("--preprocess -j", "--postprocess -j", "--nocvmfs --nohome")));
        }
    }

    [Test]
    public void Trap_11_the_image_may_stand_first_with_an_equals_sign() => Assert.That(
        JobReader.FromText("--containerImage=docker://alpine:3.7 -j \"\" -p \"true\"", Options).Image.ToString(), Is.EqualTo("docker://docker.io/library/alpine:3.7"));

    [Test]
    public void Trap_12_words_first_then_literals_and_unknown_escapes_are_kept() => Assert.That(
        JobReader.FromText("""-o "{'regex|part[0-9]+\\.root': 'regex|part[0-9]+\\.root'}" -p "echo%20%25s%20%2B" --containerImage a""", Options) is { Exec: "echo %s +", Outputs: [{ Name: @"regex|part[0-9]+\.root" }] }, Is.True);

    [Test]
    public void Trap_13_NULL_is_nothing_and_the_log_is_no_output_with_a_scope()
    {
        JobRequest job = Read($$"""
            {"PandaID": 1, "jobPars": "{{Prefix}}-o \"{'a': 'L.a'}\" -p \"true\" --containerImage a", "outFiles": "L.a,L.log.tgz", "logFile": "L.log.tgz", "scopeOut": "user.t", "scopeLog": "user.l",
             "reqID": "NULL", "maxWalltime": "NULL", "coreCount": "NULL", "allowNoOutput": "NULL", "preprocess": "NULL"}
            """);
        Assert.That((job.Outputs[0].Scope, job.LogScope, job.MaxWalltimeSeconds, job.CoreCount, job.AllowNoOutput.Length, job.Preprocess), Is.EqualTo(("user.t", "user.l", (long?)null, 1, 0, (StepCommand?)null)));
    }

    [TestCase("S1,S2,S1", "S1 S1 S2 ", Description = "aligned with outFiles, the log among them")]
    [TestCase("S1,S1,S1", "S1 S1 S1 S1")]
    [TestCase(",,", "   ", Description = "nothing is set")]
    [TestCase("NULL", "   ")]
    [TestCase("S1,S2", "   ", Description = "of another length it says nothing")]
    public void The_storages_that_a_job_wants_its_files_at(string endpoints, string expected)
    {
        JobRequest job = Read($$"""
            {"PandaID": 1, "jobPars": "{{Prefix}}-o \"{'a': 'L.a', 'b': 'L.b'}\" -p \"true\" --containerImage a", "outFiles": "L.a,L.log.tgz,L.b", "logFile": "L.log.tgz", "ddmEndPointOut": "{{endpoints}}"}
            """);
        Assert.That($"{job.Outputs[0].Endpoint} {job.Outputs[1].Endpoint} {job.LogEndpoint} {job.Endpoint}", Is.EqualTo(expected));
    }

    [TestCase("on", true)]
    [TestCase("off", false)]
    [TestCase("NULL", null)]
    [TestCase("sometimes", null)]
    public void Whether_another_storage_may_take_what_one_does_not(string text, bool? expected) =>
        Assert.That(Read($$"""{"jobPars": "-p true --containerImage a", "altStageOut": "{{text}}"}""").AlternativeStageOut, Is.EqualTo(expected));

    [TestCase("""{"7": {"jobPars": "-p true --containerImage a"}}""")]
    [TestCase("PandaID=7&jobPars=-p+true+--containerImage+a&reqID=NULL&empty=")]
    public void Trap_14_pandaJobData_out_comes_in_two_formats(string text) => Assert.That(Read(text).PandaId, Is.EqualTo(7));

    [TestCase("user.x.$JEDITASKID${SN/P}.out")]
    [TestCase("user.tester${MIDDLENAME}.1._000001.out")]
    public void Trap_15_a_tasks_text_is_no_job(string lfn) => Assert.That(JobReader.FromText($"-o \"{{'a': '{lfn}'}}\" -p true --containerImage a", Options).HasTemplates, Is.True);

    [Test]
    public void Trap_16_wildcards_have_their_exact_name_and_expressions_keep_the_files()
    {
        ImmutableArray<OutputSpec> outputs = JobReader.FromText("-o \"{'*.root': 'T.XYZ.root.tgz', 'regex|a.b': 'regex|a.b'}\" -p true --containerImage a", Options).Outputs;
        Assert.That(outputs.Select(static o => (o.Kind, o.Lfn)), Is.EqualTo(new[] { (OutputKind.Glob, "T.XYZ.root.tgz"), (OutputKind.Regex, "regex|a.b") }));
    }

    private static JobReadOptions Options => new() { CurrentDirectory = "/job" };

    private static JobRequest Read(string text) => JobReader.FromDocument(Encoding.UTF8.GetBytes(text), Options).RequestOrThrow();
}
