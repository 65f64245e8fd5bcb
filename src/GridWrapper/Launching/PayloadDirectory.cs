namespace GridWrapper.Launching;

/// <summary>The payload's initial working directory inside. Pure.</summary>
internal static class PayloadDirectory
{
    /// <summary>
    /// What the caller decided, else what the personality says: OCI starts in WorkingDir or "/", Singularity where it was called. Where nobody chose between them the
    /// image's WorkingDir counts, and one of "/" is as good as none: builders write it into images whose makers never chose one.
    /// </summary>
    internal static string Create(LaunchRequest request)
    {
        if (request.InitialDirectory is { } given)
        {
            return given;
        }

        string workingDir = Absolute(PersonalityRules.Config(request)?.WorkingDir ?? "");
        return PersonalityRules.Effective(request) switch
        {
            Personality.Oci => workingDir,
            Personality.ByCallStyle when workingDir != "/" => workingDir,
            _ => request.DataDirectory ?? request.JobDirectory,
        };
    }

    private static string Absolute(string workingDir) => workingDir.Trim('/').Length == 0 ? "/" : workingDir.StartsWith('/') ? workingDir : "/" + workingDir;
}
