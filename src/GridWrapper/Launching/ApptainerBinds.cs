namespace GridWrapper.Launching;

/// <summary>The bind options of `apptainer exec`. Pure; sources are known to exist.</summary>
internal static class ApptainerBinds
{
    /// <summary>One option per place inside, parents before what lies below them. Of two binds to one place the later of this order wins: scratch, CVMFS, profile and user, job.</summary>
    internal static ImmutableArray<string> Options(LaunchRequest request, ApptainerDialect dialect)
    {
        Dictionary<string, BindMount> byTarget = [];
        foreach (BindMount bind in All(request))
        {
            byTarget[Trimmed(bind.Target)] = bind with { Target = Trimmed(bind.Target) };
        }

        return [.. byTarget.Values.OrderBy(b => b.Target.Count(c => c == '/')).ThenBy(b => b.Target, StringComparer.Ordinal).SelectMany(b => Option(b, dialect))];
    }

    private static IEnumerable<BindMount> All(LaunchRequest request)
    {
        yield return Bind(request.ScratchDirectory, "/tmp");
        yield return Bind(request.ScratchDirectory, "/var/tmp");
        if (request.CvmfsRoot is not null)
        {
            // Not ":ro": that would be a remount of the autofs mount point; the file system is read-only by itself.
            yield return Bind(request.CvmfsRoot, "/cvmfs");
        }

        foreach (BindMount volume in PersonalityRules.Volumes(request))
        {
            yield return volume;
        }

        foreach (BindMount bind in request.Binds)
        {
            yield return bind;
        }

        if (!request.HideJobDirectory)
        {
            yield return Bind(request.JobDirectory, request.JobDirectory);
        }

        if (request.DataDirectory is not null)
        {
            yield return Bind(request.JobDirectory, request.DataDirectory);
        }
    }

    private static BindMount Bind(string source, string target) => new(source, target, ReadOnly: false, Optional: false);

    private static string Trimmed(string path) => path.Length > 1 ? path.TrimEnd('/') : path;

    private static ImmutableArray<string> Option(BindMount bind, ApptainerDialect dialect)
    {
        string both = bind.Source + bind.Target;
        if (both.Any(char.IsControl))
        {
            throw ApptainerCommandLine.Refused($"bind of '{bind.Source}' to '{bind.Target}': Apptainer cannot take control characters in paths; rename the directory, or use the rootless launcher");
        }

        if (both.AsSpan().IndexOfAny(":,\\\"") < 0)
        {
            return ["--bind", $"{bind.Source}:{bind.Target}{(bind.ReadOnly ? ":ro" : "")}"];
        }

        return dialect.HasMount
            ? ["--mount", $"type=bind,{Field("source", bind.Source)},{Field("destination", bind.Target)}{(bind.ReadOnly ? ",ro" : "")}"]
            : throw ApptainerCommandLine.Refused($"bind of '{bind.Source}' to '{bind.Target}': Singularity before 3.9 cannot take ':', ',', '\\' or '\"' in paths; rename the directory, or use the rootless launcher");
    }

    /// <summary>One field of a CSV line.</summary>
    private static string Field(string key, string path) => $"\"{key}={path.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
