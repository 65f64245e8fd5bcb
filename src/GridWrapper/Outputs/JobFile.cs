using GridWrapper.Linux;

namespace GridWrapper.Outputs;

/// <summary>One entry of the job directory that is not a directory.</summary>
/// <param name="RelativePath">Below the job directory.</param>
/// <param name="FullPath">Absolute.</param>
/// <param name="Identity">What it is.</param>
internal sealed record JobFile(string RelativePath, string FullPath, FileIdentity Identity)
{
    internal string Name => Path.GetFileName(RelativePath);

    internal int Depth => RelativePath.Count(c => c == '/');
}
