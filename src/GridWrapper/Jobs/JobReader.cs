namespace GridWrapper.Jobs;

/// <summary>
/// The entrance of this room: arguments or a document in, a <see cref="JobRequest"/> or all faults out. A job that still holds task templates is read
/// (<see cref="JobRequest.HasTemplates"/>), because a dry run may show it; the runner refuses it.
/// </summary>
internal static class JobReader
{
    /// <summary>The calling convention of the transforms.</summary>
    /// <exception cref="Diagnostics.GridWrapperException">All faults; exit 64.</exception>
    internal static JobRequest FromArguments(ImmutableArray<string> words, string currentDirectory) =>
        FromArguments(words, new JobReadOptions { CurrentDirectory = currentDirectory });

    /// <inheritdoc cref="FromArguments(ImmutableArray{string}, string)"/>
    internal static JobRequest FromArguments(ImmutableArray<string> words, JobReadOptions options)
    {
        var faults = new FaultList();
        JobParameters parameters = JobParameters.Parse(words, faults);
        JobRequest? request = new JobRequestBuilder(options, faults).Build(parameters, null);
        return Result(request, faults).RequestOrThrow();
    }

    /// <summary>The calling convention of the transforms as one text, quoted as in a job's jobPars.</summary>
    /// <exception cref="Diagnostics.GridWrapperException">All faults; exit 64.</exception>
    internal static JobRequest FromText(string jobParameters, JobReadOptions options)
    {
        var faults = new FaultList();
        JobParameters parameters = JobParameters.Parse(jobParameters, faults);
        JobRequest? request = new JobRequestBuilder(options, faults).Build(parameters, null);
        return Result(request, faults).RequestOrThrow();
    }

    /// <summary>The numbers of the jobs in such a definition.</summary>
    internal static ImmutableArray<long> Numbers(ReadOnlySpan<byte> content) => JobDocument.Numbers(content);

    /// <summary>A job definition in any shape that <see cref="JobDocument"/> knows.</summary>
    internal static JobReadResult FromDocument(ReadOnlySpan<byte> content, JobReadOptions options)
    {
        var faults = new FaultList();
        if (JobDocument.Read(content, options.PandaId, faults) is not { } document)
        {
            return Result(null, faults);
        }

        var fields = new JobFields(document.Job, faults);
        long? pandaId = fields.Whole("PandaID");
        long? attempt = fields.Whole("attemptNr");
        JobRequest? request = null;
        if (fields.CheckStatus())
        {
            string? text = fields.Text("jobPars");
            JobParameters parameters = text is null ? new JobParameters() : JobParameters.Parse(text, faults);
            request = new JobRequestBuilder(options, faults).Build(parameters, fields);
        }

        return Result(request, faults) with
        {
            PandaId = pandaId,
            Attempt = attempt is >= 0 and <= int.MaxValue ? (int)attempt : null,
            JobCount = document.Count,
        };
    }

    private static JobReadResult Result(JobRequest? request, FaultList faults) => new()
    {
        Request = faults.IsEmpty ? request : null,
        Faults = faults.Texts,
        PilotErrorCode = faults.PilotErrorCode,
        Blame = faults.Blame,
    };
}
