using Newtonsoft.Json.Linq;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>Job definitions that are none, or that contradict themselves.</summary>
internal static class JobCases
{
    private const string Good = "-j \"\" -p \"true\" --containerImage docker://127.0.0.1:1/never/asked:1";

    internal static IEnumerable<BadCase> All =>
    [
        Text("job is an empty file", "", "empty"),
        Text("job is not JSON", "PANDA says hello", "no job definition", "PANDA says hello"),
        Text("job is truncated JSON", """{"PandaID": 7, "jobPars": "-p """, "not valid JSON"),
        Text("job is a web page", "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "web page"),
        Text("job has wrong types", """{"StatusCode": 0, "PandaID": {"a": 1}, "jobPars": [1, 2], "outFiles": [3]}""", "PandaID", "jobPars"),
        Text("job is an array of numbers", "[1, 2]", "job"),
        Fields("job has no image", "-j \"\" -p \"true\"", "", "job 7", "no image"),
        Fields("job has no command", "-j \"\" --containerImage alpine", "", "-p is missing"),
        Fields("job has neither image nor command", "-j \"\"", "", "no image", "-p is missing"),
        Fields("job has an -o that is no literal", Good + " -o \"{'a': \"", "", "-o is not a Python literal"),
        Fields("job has a quote that does not end", Good + " -o \"{'a': 'b'}", "", "quot"),
        Fields("job has two outputs with one name", Good + " -o \"{'a': 'x', 'b': 'x'}\"", "x", "'a' and 'b'", "'x'"),
        Fields("job lists other outputs than -o", Good + " -o \"{'a': 'x'}\"", "y", "'x'", "'y'", "outFiles"),
        Fields("job is a task's template", Good + " -o \"{'a': 'x.$JEDITASKID${SN/P}.out'}\"", "", "template", "$JEDITASKID"),
        Fields("job has an image name that is none", "-p true --containerImage docker://UPPER/Case", "", "UPPER"),
        Fields("job has an LFN with a slash", Good + " -o \"{'a': 'x/y'}\"", "x/y", "'x/y'", "'/'") with { Pilot = 1371 },
        Text("job was refused by the server", """{"StatusCode": 60, "errorDialog": "too busy"}""", "StatusCode 60") with { Blame = "server", Pilot = 1318 },
        Text("job document holds no job", "[]", "no job") with { Blame = "server", Pilot = 1385 },
        new()
        {
            Name = "job is twenty megabytes",
            Prepare = bed => ["run", "--job", bed.Write("job.json", new string(' ', 20 * 1024 * 1024))],
            Step = "read-job",
            Says = ["larger than 16777216 bytes"],
        },
        new() { Name = "job is missing", Prepare = _ => ["run", "--job", "nowhere.json"], Step = "read-job", Pilot = 1103, Says = ["nowhere.json", "ENOENT"] },
        new() { Name = "job is a directory", Prepare = _ => ["run", "--job", "/tmp"], Step = "read-job", Pilot = 1103, Says = ["/tmp", "directory"] },
        new() { Name = "job on stdin is empty", Prepare = _ => ["run", "--job", "-"], Step = "read-job", Says = ["empty"] },
        new()
        {
            Name = "job parameters name a pattern that is none",
            Prepare = _ => ["-j", "", "-p", "true", "--containerImage", "docker://127.0.0.1:1/never/asked:1", "-o", "{'regex|a(': 'x.out'}"],
            Step = "read-job",
            Says = ["a("],
        },
        new()
        {
            Name = "job names inputs that are not there",
            Prepare = _ => ["-j", "", "-p", "true", "--containerImage", "docker://127.0.0.1:1/never/asked:1", "-i", "['EVNT.root']"],
            Exit = 125,
            Blame = "site",
            Step = "find-inputs",
            Pilot = 1331,
            Says = ["EVNT.root", "stage"],
        },
        new()
        {
            Name = "job's sandbox is nowhere",
            Prepare = _ => ["-j", "", "-p", "true", "--containerImage", "docker://127.0.0.1:1/never/asked:1", "-a", "code.tar.gz"],
            Exit = 125,
            Step = "fetch-sandbox",
            Pilot = 1246,
            Says = ["code.tar.gz", "--sourceURL"],
        },
        new()
        {
            Name = "job's sandbox is no archive",
            Prepare = bed => ["-j", "", "-p", "true", "--containerImage", "docker://127.0.0.1:1/never/asked:1", "-a", bed.Write("code.tar.gz", "not gzip at all, but long enough for a header")],
            Exit = 125,
            Step = "unpack-sandbox",
            Pilot = 1246,
            Says = ["code.tar.gz", "no tar file in gzip"],
        },
    ];

    private static BadCase Text(string name, string document, params string[] says) =>
        new() { Name = name, Prepare = bed => ["run", "--job", bed.Write("job.json", document)], Step = "read-job", Says = says };

    private static BadCase Fields(string name, string parameters, string outFiles, params string[] says) => Text(name, Document(parameters, outFiles), says);

    private static string Document(string parameters, string outFiles) => new JObject
    {
        ["StatusCode"] = 0,
        ["PandaID"] = 7,
        ["taskID"] = 3,
        ["transformation"] = "http://pandaserver.cern.ch:25080/trf/user/runcontainer",
        ["jobPars"] = parameters,
        ["outFiles"] = outFiles,
        ["logFile"] = "",
    }.ToString();
}
