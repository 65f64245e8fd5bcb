using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Jobs;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Jobs;

[Parallelizable(ParallelScope.All)]
internal sealed class JobDocumentTests
{
    private static readonly JobReadOptions Options = new() { CurrentDirectory = "/job" };

    private static JobReadResult Read(string text) => JobReader.FromDocument(Encoding.UTF8.GetBytes(text), Options);

    /// <summary>One job with everything in it, in the types of the v1 interface.</summary>
    private static JObject Job() => JObject.Parse(
        """
        {"StatusCode": 0, "PandaID": 4012345678, "taskID": 15012345, "attemptNr": 2, "jobName": "user.tester.gw/.4012345678", "prodSourceLabel": "user", "swRelease": "NULL",
         "transformation": "http://pandaserver.cern.ch:25080/trf/user/runGen-00-00-02", "inFiles": "AOD.1,AOD.2", "GUID": "NULL,NULL", "realDatasetsIn": null,
         "outFiles": "T._1.out.json,T.log.1.log.tgz,T._1.h.tgz", "logFile": "T.log.1.log.tgz", "logGUID": "d5e9", "scopeOut": "user.tester,group.x", "scopeLog": "user.log",
         "allowNoOutput": "T._1.h.tgz", "coreCount": 8, "minRamCount": 2000, "maxDiskCount": 500, "maxWalltime": 3600, "debug": "True", "ioIntensity": null, "nSent": 1,
         "jobPars": "-j \"\" --sourceURL https://pandacache.cern.ch -r . -a jobO.x.tar.gz -o \"{'out.json': 'T._1.out.json', 'h*': 'T._1.h.tgz'}\" -i \"['AOD.1', 'AOD.2']\" -p \"run%20%25IN\" ",
         "container_name": "docker://alpine:3.7",
         "preprocess": {"command": "http://x/runGen", "args": "--preprocess -j \"\""}, "postprocess": {"command": "http://x/runGen", "args": "--postprocess -j \"\""},
         "containerOptions": {"containerExec": "echo \"it's\"; /bin/sh __run_main_exec.sh", "containerImage": "docker://alpine:3.8", "execArgs": "--nocvmfs --nohome"}}
        """);

    private static string Python(JToken token) => token switch
    {
        JObject map => "{" + string.Join(", ", map.Properties().Select(entry => $"{Python(entry.Name)}: {Python(entry.Value)}")) + "}",
        _ => "'" + ((string)token!).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'",
    };

    private static string Form(JObject job) => string.Join('&', job.Properties().Select(field =>
        field.Name + "=" + Uri.EscapeDataString(field.Value switch
        {
            JObject map => Python(map),
            { Type: JTokenType.Null } => "NULL",
            { Type: JTokenType.Boolean } truth => truth.ToString(),
            var other => other.ToString(),
        }).Replace("%20", "+", StringComparison.Ordinal)));

    private static JObject WithoutStatus()
    {
        JObject job = Job();
        job.Remove("StatusCode");
        return job;
    }

    private static JObject WithPythonText()
    {
        JObject job = Job();
        foreach (string key in new[] { "containerOptions", "preprocess", "postprocess" })
        {
            job[key] = Python(job[key]!);
        }

        return job;
    }

    private static IEnumerable<TestCaseData> Shapes()
    {
        string job = Job().ToString(Formatting.None);
        yield return Shape("v1 answer", $$"""{"success": true, "message": "", "data": {"StatusCode": 0, "jobs": [{{job}}] } }""");
        yield return Shape("v1 answer with a list as data", $$"""{"success": true, "message": "", "data": [{{job}}]}""");
        yield return Shape("bare job", job);
        yield return Shape("bare job, indented, with a byte order mark", "\uFEFF\r\n " + Job());
        yield return Shape("list", $"[{job}]");
        yield return Shape("older JSON answer with a list", $$"""{"StatusCode": 0, "jobs": [{{job}}]}""");
        yield return Shape("older form, one job", Form(Job()));
        yield return Shape("older form, list", "StatusCode=0&jobs=" + Uri.EscapeDataString($"[{job}]"));
        yield return Shape("pandaJobData.out as a form", Form(WithoutStatus()) + "\n");
        yield return Shape("pandaJobData.out as JSON", $$"""{"4012345678": {{job}}}""");
        yield return Shape("HPCJobs.json without PandaID inside", $$"""{"4012345678": {{WithoutPandaId()}}}""");
        yield return Shape("dictionaries as Python text", WithPythonText().ToString());
        yield return Shape("numbers as text", NumbersAsText().ToString());

        static TestCaseData Shape(string name, string text) => new TestCaseData(text).SetName($"Shape({name})");
    }

    private static JObject WithoutPandaId()
    {
        JObject job = Job();
        job.Remove("PandaID");
        return job;
    }

    private static JObject NumbersAsText()
    {
        JObject job = Job();
        foreach (JProperty field in job.Properties().Where(field => field.Value.Type == JTokenType.Integer))
        {
            field.Value = field.Value.ToString();
        }

        return job;
    }

    /// <summary>Every member of the request, the image as its canonical text.</summary>
    private static string Dump(JobRequest request) => JsonConvert.SerializeObject(request, Formatting.Indented, new AsText());

    private sealed class AsText : JsonConverter<ImageReference>
    {
        public override void WriteJson(JsonWriter writer, ImageReference? value, JsonSerializer serializer) => writer.WriteValue(value!.ToString());

        public override ImageReference ReadJson(JsonReader reader, Type objectType, ImageReference? existingValue, bool hasExistingValue, JsonSerializer serializer) =>
            throw new NotSupportedException();
    }

    [TestCaseSource(nameof(Shapes))]
    public void EveryShapeGivesTheSameRequest(string text)
    {
        JobReadResult result = Read(text);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Faults, Is.Empty);
            Assert.That(result, Has.Property("PandaId").EqualTo(4012345678L).And.Property("Attempt").EqualTo(2).And.Property("JobCount").EqualTo(1));
            Assert.That(Dump(result.RequestOrThrow()), Is.EqualTo(Dump(Expected())));
        }
    }

    private static JobRequest Expected() => new()
    {
        PandaId = 4012345678,
        TaskId = 15012345,
        Attempt = 2,
        JobName = "user.tester.gw/.4012345678",
        Image = new ImageReference.InRegistry("docker.io", "library/alpine", "3.8", null),
        Exec = "echo \"it's\"; /bin/sh __run_main_exec.sh",
        ExecArgs = "--nocvmfs --nohome",
        Sandbox = new Sandbox(new Uri("https://pandacache.cern.ch"), "jobO.x.tar.gz"),
        Inputs = ["AOD.1", "AOD.2"],
        InputFiles = [new InputFile("AOD.1"), new InputFile("AOD.2")],
        Outputs = [new OutputSpec("out.json", "T._1.out.json", OutputKind.File) { Scope = "user.tester" }, new OutputSpec("h*", "T._1.h.tgz", OutputKind.Glob) { Scope = "group.x" }],
        LogFile = "T.log.1.log.tgz",
        LogGuid = "d5e9",
        LogScope = "user.log",
        Scope = "user.tester",
        AllowNoOutput = ["T._1.h.tgz"],
        ProdSourceLabel = "user",
        Transformation = "http://pandaserver.cern.ch:25080/trf/user/runGen-00-00-02",
        CoreCount = 8,
        MinRamMegabytes = 2000,
        MaxDiskMegabytes = 500,
        MaxWalltimeSeconds = 3600,
        Debug = true,
        Preprocess = new StepCommand("http://x/runGen", "--preprocess -j \"\""),
        Postprocess = new StepCommand("http://x/runGen", "--postprocess -j \"\""),
    };

    // The multi-step examples of the reference (section 2.7): common parameters, differing surroundings.
    private const string NPars = Examples.Prefix + "-a " + Examples.Archive + " -o \"{'out.json': '" + Examples.T + ".out.json'}\" -p \"echo%20hello%20%3E%20out.json\"";

    private const string NExec = "echo \"=== cat exec script ===\"; cat __run_main_exec.sh; echo; echo \"=== exec script ===\"; /bin/sh __run_main_exec.sh";

    [TestCase("n01", true, null, "docker://docker.io/library/alpine:3.7", NExec)]
    [TestCase("n02", true, null, "docker://docker.io/library/alpine:3.7", NExec)]
    [TestCase("n03", true, "--nocvmfs --nohome", "docker://docker.io/library/alpine:3.7", NExec)]
    [TestCase("n04", false, null, "docker://docker.io/library/alpine:3.7", "echo hello > out.json")]
    [TestCase("n05", true, null, "docker://docker.io/nvidia/cuda:11", NExec)]
    public void MultiStepJobs(string name, bool steps, string? execArgs, string image, string exec)
    {
        string container = name == "n05" ? "docker://nvidia/cuda:11" : "docker://alpine:3.7";
        var job = new JObject { ["PandaID"] = 1, ["jobPars"] = NPars, ["container_name"] = container };
        if (steps)
        {
            job["containerOptions"] = new JObject { ["containerExec"] = NExec, ["containerImage"] = container };
            job["preprocess"] = new JObject { ["command"] = "http://x/runGen", ["args"] = "--preprocess " + NPars };
        }

        if (execArgs is not null)
        {
            job["containerOptions"]!["execArgs"] = execArgs;
        }

        JobRequest request = Read(job.ToString()).RequestOrThrow();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(request.Image.ToString(), Is.EqualTo(image));
            Assert.That(request.Exec, Is.EqualTo(exec));
            Assert.That(request.ExecArgs, Is.EqualTo(execArgs));
            Assert.That(request.Outputs.Single().Lfn, Is.EqualTo(Examples.T + ".out.json"));
            Assert.That(request.Preprocess is not null, Is.EqualTo(steps));
        }
    }

    [TestCase("-p x --containerImage a", "b", "c", "docker://docker.io/library/a:latest")]
    [TestCase("-p x", "b", "c", "docker://docker.io/library/b:latest")]
    [TestCase("-p x", null, "c", "docker://docker.io/library/c:latest")]
    [TestCase("-p x", "NULL", "c", "docker://docker.io/library/c:latest")]
    public void WhichImageComesFirst(string parameters, string? option, string name, string expected)
    {
        var job = new JObject { ["jobPars"] = parameters, ["container_name"] = name, ["containerOptions"] = new JObject { ["containerImage"] = option } };

        Assert.That(Read(job.ToString()).RequestOrThrow().Image.ToString(), Is.EqualTo(expected));
    }

    [TestCase("\"NULL\"")]
    [TestCase("\"\"")]
    [TestCase("null")]
    public void UnsetIsUnset(string value)
    {
        string fields = string.Join(", ", new[] { "PandaID", "taskID", "attemptNr", "coreCount", "minRamCount", "maxWalltime", "logFile", "scopeOut", "outFiles", "containerOptions", "preprocess", "debug" }
            .Select(key => $"\"{key}\": {value}"));

        JobRequest request = Read($$"""{{{fields}}, "jobPars": "-p x --containerImage a"}""").RequestOrThrow();

        Assert.That(Dump(request), Is.EqualTo(Dump(new JobRequest { Image = new ImageReference.InRegistry("docker.io", "library/a", "latest", null), Exec = "x" })));
    }

    [Test]
    public void ARegexOutputNeedNotMatchOutFiles()
    {
        var job = new JObject { ["jobPars"] = "-o \"{'regex|a{1,2}': 'regex|a{1,2}', 'b': 'B'}\" -p x --containerImage a", ["outFiles"] = "regex|a{1,2},B,L", ["logFile"] = "L", ["scopeOut"] = "s,s" };

        Assert.That(Read(job.ToString()).Faults, Is.Empty);
    }

    [Test]
    public void TemplatesPassForADryRun()
    {
        var job = new JObject { ["jobPars"] = Examples.Seed, ["outFiles"] = "user.lheinric.$JEDITASKID${SN/P}.out.json" };

        Assert.That(Read(job.ToString()).RequestOrThrow().HasTemplates, Is.True);
    }

    [TestCase(null, 7L)]
    [TestCase(7L, 7L)]
    [TestCase(8L, 8L)]
    public void OneOfSeveralJobsIsTaken(long? wanted, long expected)
    {
        byte[] text = Encoding.UTF8.GetBytes("""{"7": {"jobPars": "-p x --containerImage a"}, "8": {"PandaID": "8", "jobPars": "-p x --containerImage a"}}""");

        JobReadResult result = JobReader.FromDocument(text, Options with { PandaId = wanted });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.PandaId, Is.EqualTo(expected));
            Assert.That(result.Request!.PandaId, Is.EqualTo(expected));
            Assert.That(result.JobCount, Is.EqualTo(2));
        }
    }

    [Test]
    public void AJobThatIsNotThereIsToldWithThoseThatAre()
    {
        JobReadResult result = JobReader.FromDocument("""{"7": {}, "8": {}}"""u8, Options with { PandaId = 9 });

        Assert.That(result.Faults.Single(), Is.EqualTo("the document does not hold job 9, but 7, 8"));
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case("empty", "", "it is empty");
        yield return Case("blank", " \n", "it is empty");
        yield return Case("a page", "<html><body>Sign in</body></html>", "it is a web page or XML");
        yield return Case("truncated", """{"PandaID": 1, "jobPars": "-p """, "not valid JSON");
        yield return Case("words", "hello world", "neither JSON nor a form of a job; it begins with 'hello world'");
        yield return Case("other form", "a=b&c=d", "neither JSON nor a form of a job");
        yield return Case("other object", """{"a": 1, "b": 2}""", "a JSON object with the keys a, b");
        yield return Case("empty object", "{}", "the document holds no job", PilotError.NoJobsInPanda, Blame.Server);
        yield return Case("empty list", "[]", "the document holds no job", PilotError.NoJobsInPanda, Blame.Server);
        yield return Case("list of texts", "[\"x\"]", "holds a string where a job should be");
        yield return Case("no jobs", """{"success": false, "message": "No jobs in PanDA", "data": null}""", "no job: 'No jobs in PanDA'", PilotError.NoJobsInPanda, Blame.Server);
        yield return Case("timed out", """{"success": false, "message": "Timed out", "data": null}""", "no job: 'Timed out'", PilotError.NoJobsInPanda, Blame.Server);
        yield return Case("refused", """{"success": false, "message": "production or pilot role required", "data": null}""", "refused to give a job: 'production or pilot role required'", PilotError.CommunicationFailure, Blame.Server);
        yield return Case("success without data", """{"success": true, "message": "", "data": null}""", "the document holds no job", PilotError.NoJobsInPanda, Blame.Server);
        yield return Case("v1 status", """{"success": true, "message": "", "data": {"StatusCode": 90, "jobs": []}}""", "StatusCode 90 (proxy problem)", PilotError.CommunicationFailure, Blame.Server);
        yield return Case("older status", "StatusCode=20", "StatusCode 20 (no jobs)", PilotError.NoJobsInPanda, Blame.Server);
        yield return Case("older status, JSON", """{"StatusCode": 60, "errorDialog": "no role"}""", "StatusCode 60 (missing role)", PilotError.CommunicationFailure, Blame.Server);
        yield return Case("status of the job", """{"StatusCode": 30, "PandaID": 1, "jobPars": "-p x --containerImage a"}""", "StatusCode 30 (failed)", PilotError.CommunicationFailure, Blame.Server);
        yield return Case("list in the form", "StatusCode=0&jobs=%5B%7B", "the list of jobs in the form cannot be read");
        yield return Case("map of texts", """{"7": "x"}""", "job 7 is a string");
        yield return Case("map against job", """{"7": {"PandaID": 8}}""", "the job filed under 7 calls itself '8'");
        yield return Case("two documents", "{\"PandaID\": 1}{\"PandaID\": 2}", "Additional text");
        yield return Case("no jobPars", """{"PandaID": 1}""", "there is no command: -p is missing, and containerOptions has no containerExec");
        yield return Case("g01, no image", """{"PandaID": 1, "jobPars": "-p x"}""", "neither --containerImage in jobPars nor containerOptions.containerImage nor container_name");
        yield return Case("open quote", """{"PandaID": 1, "container_name": "a", "jobPars": "-p \"x"}""", "cannot be split into words: the quote \" at character 4");
        yield return Case("PandaID", """{"PandaID": "abc", "jobPars": "-p x --containerImage a"}""", "PandaID must be a whole number, not 'abc'");
        yield return Case("PandaID fraction", """{"PandaID": 1.5, "jobPars": "-p x --containerImage a"}""", "PandaID must be a whole number, not '1.5'");
        yield return Case("PandaID too long", """{"PandaID": 99999999999999999999, "jobPars": "-p x --containerImage a"}""", "PandaID must be a whole number");
        yield return Case("coreCount", """{"coreCount": "many", "jobPars": "-p x --containerImage a"}""", "coreCount must be a whole number, not 'many'");
        yield return Case("attempt", """{"attemptNr": 5000000000, "jobPars": "-p x --containerImage a"}""", "attemptNr is 5000000000");
        yield return Case("jobPars an object", """{"PandaID": 1, "jobPars": {}}""", "jobPars must be a text, not an object");
        yield return Case("containerOptions", """{"containerOptions": "{'a': b}", "jobPars": "-p x --containerImage a"}""", "containerOptions must be a dictionary, not '{'a': b}'");
        yield return Case("output not listed", """{"outFiles": "A,L", "logFile": "L", "jobPars": "-o \"{'a': 'A', 'b': 'B'}\" -p x --containerImage a"}""", "-o delivers 'B', which outFiles does not list");
        yield return Case("output not made", """{"outFiles": "A,B,L", "logFile": "L", "jobPars": "-o \"{'a': 'A'}\" -p x --containerImage a"}""", "outFiles lists 'B', which no entry of -o delivers");
        yield return Case("scopes", """{"outFiles": "A,L,B", "logFile": "L", "scopeOut": "s", "jobPars": "-o \"{'a': 'A', 'b': 'B'}\" -p x --containerImage a"}""", "scopeOut has 1 entries for 2 outputs");
        yield return Case("long name", $$"""{"jobPars": "-o \"{'a': '{{new string('x', 256)}}'}\" -p x --containerImage a"}""", "a file name of 256 characters", PilotError.LfnTooLong);
        yield return Case("NUL", """{"jobPars": "", "container_name": "a", "containerOptions": {"containerExec": "a\u0000b"}}""", "the command holds a NUL character");

        static TestCaseData Case(string name, string text, string part, int code = PilotError.UnrecognizedTrfArguments, Blame blame = Blame.User) =>
            new TestCaseData(text, part, code, blame).SetName($"Refuses({name})");
    }

    [TestCaseSource(nameof(Wrong))]
    public void Refuses(string text, string part, int code, object blame)
    {
        JobReadResult result = Read(text);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Request, Is.Null);
            Assert.That(result.Faults, Has.Some.Contains(part));
            Assert.That((result.PilotErrorCode, result.Blame), Is.EqualTo((code, (Blame)blame)));
            Assert.That(result.ToException().Failure.ExitCode, Is.EqualTo(ExitCodes.Usage));
        }
    }

    [Test]
    public void AWrongJobStillSaysWhoseItIs()
    {
        JobReadResult result = Read("""{"PandaID": "17", "attemptNr": "3", "jobPars": "-o x -i y", "coreCount": "z"}""");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((result.PandaId, result.Attempt), Is.EqualTo((17L, 3)));
            Assert.That(result.Faults, Has.Length.EqualTo(5));
            Assert.That(result.ToException().Message, Does.StartWith("job 17 cannot be run:\n  - "));
        }
    }

    [Test]
    public void NotUtf8()
    {
        byte[] text = [.. "{\"PandaID\": \""u8, 0xe9, .. "\"}"u8];

        Assert.That(JobReader.FromDocument(text, Options).Faults.Single(), Does.Contain("not UTF-8 text (bad byte at offset 13)"));
    }

    [TestCase(0, true)]
    [TestCase(1, false)]
    public void TheLimitIsSixteenMebibytes(int beyond, bool accepted)
    {
        byte[] text = Encoding.UTF8.GetBytes("""{"jobPars": "-p x --containerImage a"}""".PadRight(JobDocument.MaxBytes + beyond));

        JobReadResult result = JobReader.FromDocument(text, Options);

        Assert.That(result.Faults, accepted ? Is.Empty : Has.Some.Contains("more than the limit of 16777216"));
    }

    [Test]
    public void ManyFaultsAreCounted()
    {
        string outputs = string.Join(", ", Enumerable.Range(0, 60).Select(i => $"'/{i}': 'x{i}'"));

        JobReadResult result = Read(new JObject { ["jobPars"] = $"-o \"{{{outputs}}}\" -p x --containerImage a" }.ToString());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Faults, Has.Length.EqualTo(51));
            Assert.That(result.Faults[^1], Is.EqualTo("and 10 more"));
        }
    }
}
