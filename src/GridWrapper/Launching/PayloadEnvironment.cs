using GridWrapper.Images;

namespace GridWrapper.Launching;

/// <summary>The payload's whole environment: the image's Env, then what job, profile and command line decided. Nothing of the host enters by itself. Pure.</summary>
internal static class PayloadEnvironment
{
    /// <summary>What images without a PATH get, as other OCI runtimes do.</summary>
    internal const string DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private const string LibraryPath = "LD_LIBRARY_PATH";

    /// <summary>Entries of the image without '=' have no meaning and are left out; of two with one name the later wins. PWD is left to the program that runs.</summary>
    internal static ImmutableSortedDictionary<string, string> Create(LaunchRequest request)
    {
        ImmutableSortedDictionary<string, string>.Builder result = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        Personality personality = PersonalityRules.Effective(request);
        ImageConfig? config = PersonalityRules.Config(request);
        result["PATH"] = DefaultPath;
        foreach (string entry in config?.Env ?? [])
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                result[entry[..equals]] = entry[(equals + 1)..];
            }
        }

        // The image's HOME belongs to a user that the payload is not.
        string? home = request.ImageHome ? ImageHome(result.GetValueOrDefault("HOME"), request) : null;
        result["HOME"] = home ?? request.DataDirectory ?? request.JobDirectory;
        if (personality == Personality.Singularity)
        {
            SingularityEnvironment.Complete(result, request);
        }

        AddDecided(result, request, personality);
        foreach ((string name, string value) in request.Gpu?.Environment ?? ImmutableSortedDictionary<string, string>.Empty)
        {
            result[name] = value;
        }

        if (request.Gpu is { LibraryPath.Length: > 0 } gpu)
        {
            result[LibraryPath] = result.GetValueOrDefault(LibraryPath) is { Length: > 0 } before ? $"{before}:{gpu.LibraryPath}" : gpu.LibraryPath;
        }

        return result.ToImmutable();
    }

    /// <summary>Decisions beat the image; what merely came along with the caller does so only where nobody asked for a personality.</summary>
    private static void AddDecided(ImmutableSortedDictionary<string, string>.Builder result, LaunchRequest request, Personality personality)
    {
        foreach ((string name, string value) in request.Environment)
        {
            if (personality == Personality.ByCallStyle || !request.Passed.Contains(name) || !result.ContainsKey(name))
            {
                result[name] = value;
            }
        }
    }

    private static string ImageHome(string? ofEnvironment, LaunchRequest request) =>
        ofEnvironment is { Length: > 0 } ? ofEnvironment : request.Rootfs.Inside?.User is { Home.Length: > 0 } user ? user.Home : "/root";
}
