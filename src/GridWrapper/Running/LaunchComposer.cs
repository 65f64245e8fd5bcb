using GridWrapper.Launching;
using GridWrapper.Planning;
using GridWrapper.Probing;
using GridWrapper.Strategies;

namespace GridWrapper.Running;

/// <summary>Turns settings, profile and facts into the parts of a launch that jobs and `exec` share. Pure.</summary>
internal static class LaunchComposer
{
    internal static LaunchRequest Compose(RunSettings settings, PlanInput input, Rootfs rootfs, string scratchDirectory) => new()
    {
        Rootfs = rootfs,
        Plan = input,
        JobDirectory = settings.WorkDirectory,
        ScratchDirectory = scratchDirectory,
        Binds = settings.Binds,
        CvmfsRoot = settings.Site.Cvmfs.BindIntoPayload && IsThere(input.Host) ? settings.Site.Cvmfs.Root : null,
        Devices = Devices(settings, input.Host),
        Writable = settings.Writable,
    };

    /// <summary>The payload's variables: what the profile lets through, what it sets, what the job says, what the command line says; later wins.</summary>
    internal static ImmutableSortedDictionary<string, string> Environment(RunSettings settings, ImmutableArray<KeyValuePair<string, string>> job)
    {
        ImmutableSortedDictionary<string, string>.Builder result = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach ((string name, string value) in settings.Environment)
        {
            if (settings.Site.Environment.Pass.Any(rule => Matches(rule, name)) && !IsSecret(name))
            {
                result[name] = value;
            }
        }

        foreach ((string name, string value) in settings.Site.Environment.Set)
        {
            result[name] = value;
        }

        foreach ((string name, string value) in job)
        {
            result[name] = value;
        }

        foreach ((string name, string value) in settings.PayloadEnvironment)
        {
            result[name] = value;
        }

        return result.ToImmutable();
    }

    private static bool Matches(string rule, string name) =>
        rule.EndsWith('*') ? name.StartsWith(rule[..^1], StringComparison.Ordinal) : rule == name;

    /// <summary>Never by a wildcard and never by accident: what authenticates the pilot.</summary>
    private static bool IsSecret(string name) =>
        name.StartsWith("OIDC_", StringComparison.Ordinal) || name.StartsWith("PANDA_AUTH_", StringComparison.Ordinal) || name is "BEARER_TOKEN";

    private static bool IsThere(HostFacts host) => host.Cvmfs.IsKnown(out CvmfsFacts cvmfs) && (cvmfs.Present || cvmfs.Repositories.Any(r => r.Usable));

    private static ImmutableArray<string> Devices(RunSettings settings, HostFacts host) =>
        settings.Gpu != "off" && host.Gpus.IsKnown(out ImmutableArray<GpuFacts> gpus) ? [.. gpus.SelectMany(g => g.Devices)] : [];
}
