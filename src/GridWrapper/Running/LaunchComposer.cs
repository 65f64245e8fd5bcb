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
        Personality = settings.Personality switch { "oci" => Personality.Oci, "singularity" => Personality.Singularity, _ => Personality.ByCallStyle },
        Entrypoint = settings.Entrypoint is { } given ? (given.Length == 0 ? [] : [given]) : null,
        ImageHome = settings.ImageHome,
        Gpu = GpuChoice.Of(settings, input.Host, rootfs),
        Writable = settings.Writable,
        Isolation = settings.Isolation,
    };

    /// <summary>
    /// The payload's variables: what the profile lets through, what the batch system says of GPUs, what the profile sets, what the job says, what the command line says; later wins.
    /// Whether what is addressed to a Singularity payload counts is for the launch to say: it depends on the image.
    /// </summary>
    internal static LaunchRequest WithVariables(LaunchRequest request, RunSettings settings, ImmutableArray<KeyValuePair<string, string>> job)
    {
        ImmutableSortedDictionary<string, string>.Builder result = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        List<string> passed = [];
        foreach ((string name, string value) in settings.Environment)
        {
            bool gpu = settings.Gpu != "off" && GpuSelection.IsVariable(name);
            if (gpu || (settings.Site.Environment.Pass.Any(rule => Matches(rule, name)) && !IsSecret(name)))
            {
                result[name] = value;
                if (!gpu)
                {
                    passed.Add(name);
                }
            }
        }

        passed.RemoveAll(name => Decides(settings, job, name));
        AddDecided(result, settings, job);
        return request with { Environment = result.ToImmutable(), Passed = [.. passed], Addressed = Addressed(settings.Environment) };
    }

    private static bool Decides(RunSettings settings, ImmutableArray<KeyValuePair<string, string>> job, string name) =>
        settings.Site.Environment.Set.ContainsKey(name) || Has(job, name) || Has(settings.PayloadEnvironment, name);

    private static bool Has(ImmutableArray<KeyValuePair<string, string>> entries, string name)
    {
        foreach ((string entry, _) in entries)
        {
            if (entry == name)
            {
                return true;
            }
        }

        return false;
    }

    private static ImmutableSortedDictionary<string, string> Addressed(IReadOnlyDictionary<string, string> environment)
    {
        ImmutableSortedDictionary<string, string> result = ImmutableSortedDictionary<string, string>.Empty;
        foreach (string prefix in (string[])["SINGULARITYENV_", "APPTAINERENV_"])
        {
            foreach ((string name, string value) in environment)
            {
                if (name.StartsWith(prefix, StringComparison.Ordinal) && name.Length > prefix.Length)
                {
                    result = result.SetItem(name[prefix.Length..], value);
                }
            }
        }

        return result;
    }

    private static void AddDecided(ImmutableSortedDictionary<string, string>.Builder result, RunSettings settings, ImmutableArray<KeyValuePair<string, string>> job)
    {

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
    }

    private static bool Matches(string rule, string name) =>
        rule.EndsWith('*') ? name.StartsWith(rule[..^1], StringComparison.Ordinal) : rule == name;

    /// <summary>Never by a wildcard and never by accident: what authenticates the pilot.</summary>
    internal static bool IsSecret(string name) =>
        name.StartsWith("OIDC_", StringComparison.Ordinal) || name.StartsWith("PANDA_AUTH_", StringComparison.Ordinal) || name is "BEARER_TOKEN";

    internal static bool IsThere(HostFacts host) => host.Cvmfs.IsKnown(out CvmfsFacts cvmfs) && (cvmfs.Present || cvmfs.Repositories.Any(r => r.Usable));
}
