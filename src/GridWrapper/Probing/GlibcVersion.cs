namespace GridWrapper.Probing;

/// <summary>Versions of the GNU C library as symbol versions name them: GLIBC_2.34 is "2.34". Pure.</summary>
internal static class GlibcVersion
{
    private const string Prefix = "GLIBC_";

    /// <summary>The highest of the symbol versions that name a release, "" where none does.</summary>
    internal static string Highest(IEnumerable<string> symbolVersions)
    {
        Version? highest = null;
        foreach (string name in symbolVersions)
        {
            if (name.StartsWith(Prefix, StringComparison.Ordinal) && Version.TryParse(name[Prefix.Length..], out Version? version) && (highest is null || version > highest))
            {
                highest = version;
            }
            else if (name == "GLIBC_ABI_DT_RELR" && (highest is null || highest < new Version(2, 36)))
            {
                // Compact relocations have a name of their own; 2.36 was the first to read them.
                highest = new Version(2, 36);
            }
        }

        return highest?.ToString() ?? "";
    }

    /// <summary>Whether a library that needs one version can be loaded where another is provided. What is not known does not stand in the way.</summary>
    internal static bool IsEnough(string provided, string needed) =>
        !Version.TryParse(needed, out Version? need) || !Version.TryParse(provided, out Version? have) || have >= need;
}
