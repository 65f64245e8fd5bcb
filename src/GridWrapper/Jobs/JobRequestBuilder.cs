using GridWrapper.Diagnostics;
using GridWrapper.Images;

namespace GridWrapper.Jobs;

/// <summary>Job parameters and the fields around them (none for the bare calling convention) to the request; what contradicts itself is a fault.</summary>
internal sealed class JobRequestBuilder(JobReadOptions options, FaultList faults)
{
    private const string DefaultDataDirectory = "/ctrdata";

    /// <summary>Null exactly if image or command is missing or wrong; there are faults then, and may be otherwise.</summary>
    internal JobRequest? Build(JobParameters parameters, JobFields? fields)
    {
        ImmutableDictionary<string, string>? container = fields?.Map("containerOptions");
        ImageReference? image = Image(parameters, fields, container);
        string? exec = Set(container, "containerExec") ?? parameters.Exec;
        if (exec is null)
        {
            faults.Add($"there is no command: -p is missing{(fields is null ? "" : ", and containerOptions has no containerExec")}");
        }

        if (exec?.Contains('\0', StringComparison.Ordinal) == true)
        {
            faults.Add("the command holds a NUL character, which no shell command can");
        }

        JobRequest? request = image is null || exec is null ? null : FromParameters(parameters, image, exec);
        if (fields is null)
        {
            return request;
        }

        ImmutableArray<OutputSpec> outputs = CheckOutputs(parameters.Outputs, fields);
        JobRequest complete = WithFields(request ?? Placeholder, fields);
        complete = IsWholeRunGen(complete) ? AsRunGen(complete, parameters) : complete;
        return request is null ? null : complete with { Outputs = WithEndpoints(outputs, fields), ExecArgs = Set(container, "execArgs") };
    }

    /// <summary>Carries the fields through their checks where the request itself could not be made, so that all faults are told at once.</summary>
    private static JobRequest Placeholder => new() { Image = new ImageReference.AtPath("/"), Exec = "" };

    private static JobRequest FromParameters(JobParameters parameters, ImageReference image, string exec)
    {
        string data = parameters.DataDirectory ?? DefaultDataDirectory;
        return new JobRequest
        {
            Image = image,
            Exec = exec,
            Sandbox = parameters.Sandbox,
            Inputs = parameters.Inputs,
            InMap = parameters.InMap,
            WriteInputToTxt = parameters.WriteInputToTxt,
            Outputs = parameters.Outputs,
            DataDirectory = data,
            WorkDirectory = parameters.WorkDirectory ?? data,
            WantsCvmfs = parameters.WantsCvmfs,
            NoX509 = parameters.NoX509,
            RuntimeDebug = parameters.Debug,
            IgnoredOptions = parameters.IgnoredOptions,
            UnexpandedTemplates = parameters.UnexpandedTemplates,
        };
    }

    /// <summary>Its whole work is done here; where it runs as a step of the job's own beside the container it reads its options itself.</summary>
    private static bool IsWholeRunGen(JobRequest job) =>
        job is { Preprocess: null, Transformation: { } name } && name[(name.LastIndexOf('/') + 1)..].StartsWith("runGen", StringComparison.Ordinal);

    /// <summary>runGen starts in `-r` below the directory with the sandbox, and unpacks the library `-l` beside it.</summary>
    private JobRequest AsRunGen(JobRequest job, JobParameters parameters)
    {
        string[] run = [.. (parameters.RunDirectory ?? "").Split('/').Where(static p => p is not ("" or "."))];
        if (run.Contains("..") || parameters.RunDirectory is ['/', ..] || run.Any(static p => p.Any(char.IsControl)))
        {
            faults.Add($"-r must name a directory below the job directory, not {Quoted.Text(parameters.RunDirectory)}");
        }

        if (parameters.Library is { } library && (library.Contains('/', StringComparison.Ordinal) || library is "" or "." or ".." || library.Any(char.IsControl)))
        {
            faults.Add($"-l must name a file, without a directory, not {Quoted.Text(library)}");
        }

        return job with
        {
            WorkDirectory = parameters.WorkDirectory ?? string.Join('/', run.Prepend(job.DataDirectory.TrimEnd('/'))),
            Library = parameters.Library,
        };
    }

    private JobRequest WithFields(JobRequest request, JobFields fields) => request with
    {
        PandaId = fields.Whole("PandaID"),
        TaskId = fields.Whole("taskID"),
        Attempt = Small(fields, "attemptNr"),
        JobName = fields.Text("jobName"),
        InputFiles = InputFile.Of(fields),
        LogFile = fields.Text("logFile"),
        LogGuid = fields.Text("logGUID"),
        LogScope = fields.Text("scopeLog"),
        Scope = fields.List("scopeOut").FirstOrDefault(),
        LogEndpoint = Endpoints(fields).GetValueOrDefault(fields.Text("logFile") ?? ""),
        Endpoint = fields.List("ddmEndPointOut").Distinct(StringComparer.Ordinal).ToArray() is [var only] ? only : null,
        AlternativeStageOut = fields.Text("altStageOut")?.ToUpperInvariant() switch { "ON" or "TRUE" => true, "OFF" or "FALSE" => false, _ => null },
        AllowNoOutput = fields.List("allowNoOutput"),
        ProdSourceLabel = fields.Text("prodSourceLabel"),
        Transformation = fields.Text("transformation"),
        CoreCount = Small(fields, "coreCount") is > 0 and int cores ? cores : 1,
        MinRamMegabytes = fields.Positive("minRamCount"),
        MaxDiskMegabytes = fields.Positive("maxDiskCount"),
        MaxWalltimeSeconds = fields.Positive("maxWalltime"),
        MaxCpuSeconds = fields.Positive("maxCpuCount"),
        NoLoopingCheck = fields.Text("loopingCheck") is "False" or "false" or "0",
        Debug = fields.Flag("debug"),
        SourceSite = fields.Text("sourceSite"),
        DestinationSite = fields.Text("destinationSE") is { } destination && !destination.Contains(',', StringComparison.Ordinal) ? destination : null,
        Preprocess = Step(fields.Map("preprocess")),
        Postprocess = Step(fields.Map("postprocess")),
        IgnoredOptions = fields.Map("coprocess") is null ? request.IgnoredOptions : request.IgnoredOptions.Add("coprocess"),
    };

    private int? Small(JobFields fields, string key)
    {
        long? number = fields.Whole(key);
        if (number is < int.MinValue or > int.MaxValue)
        {
            faults.Add(string.Create(CultureInfo.InvariantCulture, $"{key} is {number}, more than anything of that kind can be"));
            return null;
        }

        return (int?)number;
    }

    private static StepCommand? Step(ImmutableDictionary<string, string>? step) =>
        Set(step, "command") is { } command ? new StepCommand(command, Set(step, "args") ?? "") : null;

    /// <summary>The first --containerImage, else containerOptions.containerImage, else container_name.</summary>
    private ImageReference? Image(JobParameters parameters, JobFields? fields, ImmutableDictionary<string, string>? container)
    {
        string? text = parameters.Image ?? Set(container, "containerImage") ?? fields?.Text("container_name");
        if (text is null)
        {
            string places = fields is null
                ? "--containerImage is missing"
                : "neither --containerImage in jobPars nor containerOptions.containerImage nor container_name is there";
            faults.Add($"there is no image: {places}{parameters.HintFor("--containerImage")}");
            return null;
        }

        if (!ImageReferenceParser.TryParse(WithBase(text), options.CurrentDirectory, out ImageReference? image, out string? error))
        {
            faults.Add(error);
        }

        return image;
    }

    /// <summary>As the pilot does it: names with a scheme and absolute paths stay, others are put behind the base.</summary>
    private string WithBase(string image) =>
        string.IsNullOrEmpty(options.ImageBase) || image.Length == 0 || image[0] == '/' || HasScheme(image)
            ? image
            : $"{options.ImageBase.TrimEnd('/')}/{image}";

    private static bool HasScheme(string image) =>
        image.Contains("://", StringComparison.Ordinal)
        || image.StartsWith("oci:", StringComparison.Ordinal)
        || image.StartsWith("oci-archive:", StringComparison.Ordinal)
        || image.StartsWith("docker-archive:", StringComparison.Ordinal);

    /// <summary>
    /// outFiles without the log must be what `-o` delivers; outputs by regular expression have no name beforehand, and a pattern with a comma breaks the list.
    /// Adds each output's scope, which is aligned with outFiles without the log.
    /// </summary>
    private ImmutableArray<OutputSpec> CheckOutputs(ImmutableArray<OutputSpec> outputs, JobFields fields)
    {
        string? log = fields.Text("logFile");
        ImmutableArray<string> expected = [.. fields.List("outFiles").Where(lfn => lfn != log)];
        if (fields.List("outFiles").IsEmpty)
        {
            return outputs;
        }

        bool hasRegex = outputs.Any(output => output.Kind == OutputKind.Regex);
        CompareOutputs(outputs, expected, hasRegex);
        ImmutableArray<string> scopes = fields.Aligned("scopeOut");
        if (!hasRegex && !scopes.IsEmpty && scopes.Length < expected.Length)
        {
            faults.Add($"scopeOut has {scopes.Length} entries for {expected.Length} outputs");
        }

        return hasRegex || scopes.Length != expected.Length ? outputs : WithScopes(outputs, expected, scopes);
    }

    private void CompareOutputs(ImmutableArray<OutputSpec> outputs, ImmutableArray<string> expected, bool hasRegex)
    {
        HashSet<string> listed = [.. expected];
        foreach (OutputSpec output in outputs.Where(output => output.Kind != OutputKind.Regex && !listed.Contains(output.Lfn)))
        {
            faults.Add($"-o delivers {Quoted.Text(output.Lfn)}, which outFiles does not list");
        }

        HashSet<string> delivered = [.. outputs.Select(output => output.Lfn)];
        foreach (string lfn in hasRegex ? [] : expected.Where(lfn => !delivered.Contains(lfn)))
        {
            faults.Add($"outFiles lists {Quoted.Text(lfn)}, which no entry of -o delivers");
        }
    }

    private static ImmutableArray<OutputSpec> WithScopes(ImmutableArray<OutputSpec> outputs, ImmutableArray<string> lfns, ImmutableArray<string> scopes)
    {
        var scopeOf = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string lfn, string scope) in lfns.Zip(scopes).Where(pair => pair.Second.Length > 0))
        {
            scopeOf[lfn] = scope;
        }

        return [.. outputs.Select(output => output with { Scope = scopeOf.GetValueOrDefault(output.Lfn) })];
    }

    /// <summary>ddmEndPointOut is aligned with outFiles, the log among them; one of another length says nothing.</summary>
    private static Dictionary<string, string> Endpoints(JobFields fields)
    {
        ImmutableArray<string> files = fields.Aligned("outFiles");
        ImmutableArray<string> endpoints = fields.Aligned("ddmEndPointOut");
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string lfn, string endpoint) in files.Length == endpoints.Length ? files.Zip(endpoints).Where(pair => pair.Second.Length > 0) : [])
        {
            result[lfn] = endpoint;
        }

        return result;
    }

    private static ImmutableArray<OutputSpec> WithEndpoints(ImmutableArray<OutputSpec> outputs, JobFields fields)
    {
        Dictionary<string, string> endpoints = Endpoints(fields);
        return endpoints.Count == 0 ? outputs : [.. outputs.Select(output => output with { Endpoint = endpoints.GetValueOrDefault(output.Lfn) })];
    }

    private static string? Set(ImmutableDictionary<string, string>? map, string key) =>
        map?.GetValueOrDefault(key) is { Length: > 0 } text and not "NULL" ? text : null;
}
