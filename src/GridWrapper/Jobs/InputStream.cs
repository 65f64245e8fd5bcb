namespace GridWrapper.Jobs;

/// <summary>A named list of inputs (`--inMap`): %NAME in the payload text stands for the comma-joined files.</summary>
internal sealed record InputStream(string Name, ImmutableArray<string> Files);
