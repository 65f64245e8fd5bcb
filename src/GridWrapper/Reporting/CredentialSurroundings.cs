using GridWrapper.Linux;

namespace GridWrapper.Reporting;

/// <summary>What the search for credentials looks at.</summary>
internal sealed record CredentialSurroundings
{
    /// <summary>Environment variable by name.</summary>
    public required Func<string, string?> Variable { get; init; }

    public required uint Uid { get; init; }

    public Func<string, bool> Exists { get; init; } = File.Exists;

    /// <summary>Whether the usual CA directory is there. A link is believed and not followed: it often points into /cvmfs, which may hang.</summary>
    public Func<string, bool> CaDirectoryExists { get; init; } = static path => new FileInfo(path).LinkTarget is not null || Directory.Exists(path);

    internal static CredentialSurroundings OfProcess() => new() { Variable = Environment.GetEnvironmentVariable, Uid = Libc.GetUid() };

    /// <summary>A variable's value; empty counts as not set.</summary>
    internal string? Get(string name) => Variable(name) is { Length: > 0 } value ? value : null;
}
