namespace GridWrapper.Jobs;

/// <summary>An input as the job's document describes it (inFiles, scopeIn, checksum, fsize, aligned by index).</summary>
/// <param name="Lfn">Its name.</param>
internal sealed record InputFile(string Lfn)
{
    public string? Scope { get; init; }

    /// <summary>As it stands there, e.g. "ad:1fac2c66" or "md5:…"; null where the job states none.</summary>
    public string? Checksum { get; init; }

    /// <summary>Null where the job does not say.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>The inputs of a document. A list that is not as long as inFiles says nothing about any of them: there is no telling which entry is missing.</summary>
    internal static ImmutableArray<InputFile> Of(JobFields fields)
    {
        ImmutableArray<string> names = fields.Aligned("inFiles");
        string? Entry(string key, int index) => fields.Aligned(key) is var list && list.Length == names.Length && list[index].Length > 0 ? list[index] : null;
        return
        [
            .. names.Select((name, i) => new InputFile(name)
            {
                Scope = Entry("scopeIn", i),
                Checksum = Entry("checksum", i),
                SizeBytes = long.TryParse(Entry("fsize", i), CultureInfo.InvariantCulture, out long size) && size >= 0 ? size : null,
            }).Where(i => i.Lfn.Length > 0).DistinctBy(i => i.Lfn),
        ];
    }
}
