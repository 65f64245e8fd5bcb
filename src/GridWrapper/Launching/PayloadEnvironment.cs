namespace GridWrapper.Launching;

/// <summary>The payload's whole environment: the image's Env, then what job, profile and command line decided. Nothing of the host enters by itself. Pure.</summary>
internal static class PayloadEnvironment
{
    /// <summary>What images without a PATH get, as other OCI runtimes do.</summary>
    internal const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Entries of the image without '=' have no meaning and are left out; of two with one name the later wins. PWD is left to the program that runs.</summary>
    internal static ImmutableSortedDictionary<string, string> Create(LaunchRequest request)
    {
        ImmutableSortedDictionary<string, string>.Builder result = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        result["PATH"] = DefaultPath;
        foreach (string entry in request.Rootfs.Config?.Env ?? [])
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                result[entry[..equals]] = entry[(equals + 1)..];
            }
        }

        // The image's HOME belongs to a user that the payload is not.
        result["HOME"] = request.DataDirectory ?? request.JobDirectory;
        foreach ((string name, string value) in request.Environment)
        {
            result[name] = value;
        }

        return result.ToImmutable();
    }
}
