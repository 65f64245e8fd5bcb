using GridWrapper.Linux;

namespace GridWrapper.SelfTest;

/// <summary>
/// The loader's own answer to "which libraries would you load?" (`ld.so --list PROGRAM`, ld.so(8)), for nodes whose libraries lie where our search
/// does not look. The program itself is not run.
/// </summary>
internal static class LoaderListing
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(5);

    /// <summary>Library name → path. Empty if the loader could not be run or did not answer in time.</summary>
    internal static async Task<ImmutableDictionary<string, string>> RunAsync(string loader, string program, CancellationToken ct)
    {
        string? listing = await ProgramOutput.ReadAsync(loader, ["--list", program], s_deadline, ct);
        return listing is null ? ImmutableDictionary<string, string>.Empty : Parse(listing);
    }

    /// <summary>Reads lines of the form "NAME => /PATH (0x…)"; others (the vDSO, the loader itself) carry nothing that is searched for.</summary>
    internal static ImmutableDictionary<string, string> Parse(string listing)
    {
        const string Arrow = " => ";
        ImmutableDictionary<string, string>.Builder paths = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (string line in listing.Split('\n'))
        {
            int arrow = line.IndexOf(Arrow, StringComparison.Ordinal);
            int end = line.LastIndexOf(" (0x", StringComparison.Ordinal);
            if (arrow > 0 && end > arrow && line[arrow + Arrow.Length] == '/')
            {
                paths[line[..arrow].Trim()] = line[(arrow + Arrow.Length)..end];
            }
        }

        return paths.ToImmutable();
    }
}
