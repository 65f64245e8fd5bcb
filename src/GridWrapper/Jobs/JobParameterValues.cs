using GridWrapper.Diagnostics;

namespace GridWrapper.Jobs;

/// <summary>The values of job parameters to records, each checked where it stands.</summary>
internal sealed class JobParameterValues(FaultList faults)
{
    private readonly List<string> _templates = [];

    internal ImmutableArray<string> Templates => [.. _templates];

    internal string? Exec(string? encoded)
    {
        if (encoded is null)
        {
            return null;
        }

        string exec = PercentDecoder.Decode(encoded);
        if (string.IsNullOrWhiteSpace(exec))
        {
            faults.Add("-p is empty: there is no command to run");
        }

        return exec;
    }

    internal Sandbox? Sandbox(string? url, string? archive)
    {
        if (string.IsNullOrEmpty(archive))
        {
            return null;
        }

        if (archive.Contains('/', StringComparison.Ordinal) || archive is "." or ".." || archive.Any(char.IsControl))
        {
            faults.Add($"-a must name a file, without a directory, not {Quoted.Text(archive)}");
        }

        Uri? source = null;
        if (IsTemplate("--sourceURL", url) || IsTemplate("-a", archive) || string.IsNullOrEmpty(url))
        {
            return new Sandbox(null, archive);
        }

        if (!Uri.TryCreate(url, UriKind.Absolute, out source) || source.Scheme is not ("http" or "https"))
        {
            faults.Add($"--sourceURL must be an http or https address, not {Quoted.Text(url)}");
            source = null;
        }

        return new Sandbox(source, archive);
    }

    internal ImmutableArray<OutputSpec> Outputs(string? literal)
    {
        if (Literal("-o", literal) is not { } value)
        {
            return [];
        }

        if (value is not PythonValue.Mapping map)
        {
            faults.Add($"-o must be a dictionary of produced names and file names, not {value.Kind}");
            return [];
        }

        ImmutableArray<OutputSpec>.Builder outputs = ImmutableArray.CreateBuilder<OutputSpec>(map.Entries.Length);
        foreach ((PythonValue key, PythonValue lfn) in map.Entries)
        {
            if (key is PythonValue.Text name && lfn is PythonValue.Text file)
            {
                outputs.Add(Output(name.Value, file.Value));
            }
            else
            {
                faults.Add($"-o holds {key.Kind} with {lfn.Kind}; both the produced name and the file name must be strings");
            }
        }

        OutputRules.CheckTogether(outputs, faults);
        return outputs.ToImmutable();
    }

    internal ImmutableArray<string> Inputs(string? literal) => Literal("-i", literal) is { } value ? Names("-i", value) : [];

    internal ImmutableArray<InputStream> InMap(string? literal)
    {
        if (Literal("--inMap", literal) is not { } value)
        {
            return [];
        }

        if (value is not PythonValue.Mapping map)
        {
            faults.Add($"--inMap must be a dictionary of streams and their files, not {value.Kind}");
            return [];
        }

        ImmutableArray<InputStream>.Builder streams = ImmutableArray.CreateBuilder<InputStream>(map.Entries.Length);
        foreach ((PythonValue key, PythonValue files) in map.Entries)
        {
            if (key is PythonValue.Text { Value.Length: > 0 } name)
            {
                streams.Add(new InputStream(name.Value, Names($"--inMap {Quoted.Text(name.Value)}", files)));
            }
            else
            {
                faults.Add($"--inMap holds {key.Kind} as the name of a stream; it must be a string that is not empty");
            }
        }

        return streams.ToImmutable();
    }

    /// <summary>STREAM:file pairs, separated by commas.</summary>
    internal ImmutableArray<InputStreamFile> StreamFiles(string? text)
    {
        ImmutableArray<InputStreamFile>.Builder files = ImmutableArray.CreateBuilder<InputStreamFile>();
        foreach (string pair in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int colon = pair.IndexOf(':', StringComparison.Ordinal);
            string file = pair[(colon + 1)..];
            if (colon <= 0 || file.Length == 0)
            {
                faults.Add($"--writeInputToTxt needs STREAM:file, not {Quoted.Text(pair)}");
            }
            else if (OutputRules.LeavesDirectory(file))
            {
                faults.Add($"--writeInputToTxt must name a file below the job directory, not {Quoted.Text(file)}");
            }
            else
            {
                files.Add(new InputStreamFile(pair[..colon], file));
            }
        }

        return files.ToImmutable();
    }

    internal string? ContainerDirectory(string option, string? path)
    {
        if (string.IsNullOrEmpty(path))
        {
            return null;
        }

        string trimmed = path.TrimEnd('/');
        if (path[0] != '/' || trimmed.Length == 0 || trimmed.Any(char.IsControl) || trimmed.Split('/').Any(part => part is "." or ".."))
        {
            faults.Add($"{option} must be an absolute path in the container, below /, not {Quoted.Text(path)}");
        }

        return trimmed;
    }

    private OutputSpec Output(string name, string lfn)
    {
        OutputKind kind = name.StartsWith(OutputRules.RegexPrefix, StringComparison.Ordinal) ? OutputKind.Regex
            : name.AsSpan().ContainsAny('*', '?', '[') ? OutputKind.Glob
            : OutputKind.File;
        var output = new OutputSpec(name, lfn, kind);
        bool isTemplate = kind != OutputKind.Regex && (TaskTemplate.IsIn(lfn) || TaskTemplate.IsIn(name));
        if (isTemplate)
        {
            _templates.Add($"-o {Quoted.Clean(name)}: {Quoted.Clean(lfn)}");
        }

        OutputRules.Check(output, isTemplate, faults);
        return output;
    }

    private ImmutableArray<string> Names(string option, PythonValue value)
    {
        if (value is not PythonValue.Sequence list)
        {
            faults.Add($"{option} must be a list of file names, not {value.Kind}");
            return [];
        }

        ImmutableArray<string>.Builder names = ImmutableArray.CreateBuilder<string>(list.Items.Length);
        foreach (PythonValue item in list.Items)
        {
            if (item is PythonValue.Text { Value.Length: > 0 } name && !name.Value.Any(char.IsControl))
            {
                IsTemplate(option, name.Value);
                names.Add(name.Value);
            }
            else
            {
                faults.Add($"{option} holds {(item is PythonValue.Text text ? Quoted.Text(text.Value) : item.Kind)}, which is no file name");
            }
        }

        return names.ToImmutable();
    }

    /// <summary>Null if the option is absent, a template, or (a fault) not a literal.</summary>
    private PythonValue? Literal(string option, string? text)
    {
        if (text is null)
        {
            return null;
        }

        if (PythonLiteral.TryParse(text, out PythonValue? value, out string? error))
        {
            return value;
        }

        if (!IsTemplate(option, text))
        {
            faults.Add($"{option} is not a Python literal: {error}, in {Quoted.Text(text)}");
        }

        return null;
    }

    private bool IsTemplate(string option, string? text)
    {
        if (text is null || !TaskTemplate.IsIn(text))
        {
            return false;
        }

        _templates.Add($"{option}: {Quoted.Clean(text)}");
        return true;
    }
}
