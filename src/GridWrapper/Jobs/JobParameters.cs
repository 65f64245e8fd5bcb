using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>
/// Job parameters (jobPars, the argument list of the PanDA transforms) decoded: words split, percent-encoding and Python literals resolved. Whether they
/// suffice to run is decided with the rest of the job, which may bring the image and the command.
/// </summary>
internal sealed record JobParameters
{
    public string? Image { get; init; }

    /// <summary>`-p`, percent-decoded.</summary>
    public string? Exec { get; init; }

    public Sandbox? Sandbox { get; init; }

    public ImmutableArray<OutputSpec> Outputs { get; init; } = [];

    public ImmutableArray<string> Inputs { get; init; } = [];

    public ImmutableArray<InputStream> InMap { get; init; } = [];

    public ImmutableArray<InputStreamFile> WriteInputToTxt { get; init; } = [];

    public string? DataDirectory { get; init; }

    public string? WorkDirectory { get; init; }

    /// <summary>`-r`, which means something to runGen only.</summary>
    public string? RunDirectory { get; init; }

    /// <summary>`-l`, likewise.</summary>
    public string? Library { get; init; }

    public bool WantsCvmfs { get; init; }

    public bool NoX509 { get; init; }

    public bool Debug { get; init; }

    public ImmutableArray<string> IgnoredOptions { get; init; } = [];

    /// <summary>See <see cref="TaskTemplate"/>; each with the option it was found in.</summary>
    public ImmutableArray<string> UnexpandedTemplates { get; init; } = [];

    /// <param name="text">The jobPars of a job document.</param>
    /// <param name="faults">Receives all that is wrong; the result is then incomplete.</param>
    internal static JobParameters Parse(string text, FaultList faults)
    {
        try
        {
            return Parse(ShellWords.Split(text), faults);
        }
        catch (FormatException e)
        {
            faults.Add($"the job parameters cannot be split into words: {e.Message}");
            return new JobParameters();
        }
    }

    /// <param name="words">The words as a shell hands them over.</param>
    /// <param name="faults">Receives all that is wrong; the result is then incomplete.</param>
    internal static JobParameters Parse(ImmutableArray<string> words, FaultList faults)
    {
        var arguments = new JobArguments(words, faults);
        var values = new JobParameterValues(faults);
        return new JobParameters
        {
            Image = arguments.Value(JobOption.ContainerImage),
            Exec = values.Exec(arguments.Value(JobOption.Exec)),
            Sandbox = values.Sandbox(arguments.Value(JobOption.SourceUrl), arguments.Value(JobOption.Archive)),
            Outputs = values.Outputs(arguments.Value(JobOption.OutputMap)),
            Inputs = values.Inputs(arguments.Value(JobOption.Inputs)),
            InMap = values.InMap(arguments.Value(JobOption.InMap)),
            WriteInputToTxt = values.StreamFiles(arguments.Value(JobOption.WriteInputToTxt)),
            DataDirectory = values.ContainerDirectory("--datadir", arguments.Value(JobOption.DataDirectory)),
            WorkDirectory = values.ContainerDirectory("--workdir", arguments.Value(JobOption.WorkDirectory)),
            RunDirectory = arguments.Value(JobOption.RunDirectory),
            Library = arguments.Value(JobOption.Library),
            WantsCvmfs = arguments.Has(JobOption.Cvmfs),
            NoX509 = arguments.Has(JobOption.NoX509),
            Debug = arguments.Has(JobOption.Debug),
            IgnoredOptions = arguments.Ignored,
            UnexpandedTemplates = values.Templates,
        };
    }

    /// <summary>"; did you mean --containerImage?" where an ignored option is that but for its case, else nothing.</summary>
    internal string HintFor(string option) =>
        IgnoredOptions.Select(ignored => ignored.Split(' ', '=')[0]).FirstOrDefault(name => JobOptionTable.Nearest(name) == option) is { } slip
            ? $" (did {Quoted.Text(slip)} mean {option}?)"
            : "";
}
