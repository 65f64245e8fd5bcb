using GridWrapper.Probing;

namespace GridWrapper.Launching;

/// <summary>What differs between the programs that go by the name of Apptainer or Singularity.</summary>
/// <param name="Prefix">Of its own variables: APPTAINER or SINGULARITY.</param>
/// <param name="HasMount">It knows `--mount`, the only form in which a path may hold ':' or ','.</param>
/// <param name="TooOld">Before 3.6 a shell of the image set the payload's variables, by other rules.</param>
internal sealed record ApptainerDialect(string Prefix, bool HasMount, bool TooOld)
{
    internal static ApptainerDialect Of(RuntimeFacts runtime)
    {
        if (runtime.Name == "apptainer")
        {
            return new ApptainerDialect("APPTAINER", HasMount: true, TooOld: false);
        }

        (int Major, int Minor)? version = Numbers(runtime.Version);
        return new ApptainerDialect("SINGULARITY", HasMount: version is { } a && a.CompareTo((3, 9)) >= 0, TooOld: version is { } b && b.CompareTo((3, 6)) < 0);
    }

    /// <summary>"3.8.7-1.el8" is (3, 8); null for what does not begin so.</summary>
    private static (int Major, int Minor)? Numbers(string version)
    {
        string[] parts = version.Split('.', '-', '+');
        return parts.Length > 1
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
            ? (major, minor)
            : null;
    }
}
