namespace GridWrapper.Jobs;

/// <summary>One entry of the `-o` map: what the payload produces and the logical file name under which it is delivered.</summary>
internal sealed record OutputSpec(string Name, string Lfn, OutputKind Kind)
{
    /// <summary>Rucio scope of this output, from the job's scopeOut; null where the job did not come as a document.</summary>
    public string? Scope { get; init; }

    /// <summary>The storage that the job wants it at (ddmEndPointOut); null where it does not say.</summary>
    public string? Endpoint { get; init; }
}

internal enum OutputKind
{
    /// <summary>One file of exactly that name.</summary>
    File,

    /// <summary>A shell pattern; the matches are packed into a gzip tar named by the LFN.</summary>
    Glob,

    /// <summary>`regex|…`: every matching file is delivered under its own name.</summary>
    Regex,
}
