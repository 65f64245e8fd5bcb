using GridWrapper.Images;
using GridWrapper.Planning;
using GridWrapper.Probing;

namespace GridWrapper.Running;

/// <summary>What a node can do, as attributes of a machine's ClassAd: what HTCondor's startd cron and glideinWMS advertise, and jobs match on. Pure but for the parts' rules.</summary>
internal static class ClassAdText
{
    /// <summary>`NAME = VALUE` lines; strings between double quotes.</summary>
    internal static ImmutableArray<string> Lines(Composition parts, HostFacts host)
    {
        PlanInput input = new()
        {
            Site = parts.Settings.Site,
            Host = host,
            Image = new ImageFacts { Reference = new ImageReference.AtPath("/") },
            CacheDirectory = parts.Settings.CacheDirectory,
        };
        (string Name, Verdict Verdict)[] launchers = [.. parts.Launchers.Where(l => input.Site.Launchers.Contains(l.Name)).Select(l => (l.Name, l.Judge(input)))];
        string[] usable = [.. launchers.Where(l => l.Verdict is Verdict.Usable).Select(l => l.Name)];
        ImmutableArray<string> repositories = ImageRepositories(parts.Settings.Site.Cvmfs.ImageRepositories, host);
        List<string> lines =
        [
            $"HAS_GRIDWRAP = {(usable.Length > 0 ? "True" : "False")}",
            $"GridWrapVersion = {Text(ProductVersion.Number)}",
            $"GridWrapLaunchers = {Text(string.Join(',', usable))}",
            $"GridWrapStrategies = {Text(string.Join(',', Strategies(input, host, repositories)))}",
            $"GridWrapImageRepositories = {Text(string.Join(',', repositories))}",
            $"GridWrapGpus = {(host.Gpus.IsKnown(out _) ? "True" : "False")}",
        ];
        if (usable.Length == 0)
        {
            lines.Add($"GridWrapReason = {Text(string.Join("; ", launchers.Select(l => $"{l.Name}: {(l.Verdict as Verdict.Refused)?.Reason}")))}");
        }

        return [.. lines];
    }

    /// <summary>Those of the profile that this node has what they need for, whatever the image.</summary>
    private static IEnumerable<string> Strategies(PlanInput input, HostFacts host, ImmutableArray<string> repositories) => input.Site.Strategies.Where(s => s switch
    {
        "cvmfs-flat" or "cvmfs-layers" => !repositories.IsEmpty,
        "packed" or "lazy" => host.FuseDevice.IsKnown(out _),
        _ => true,
    });

    private static ImmutableArray<string> ImageRepositories(ImmutableArray<string> wanted, HostFacts host) => host.Cvmfs.IsKnown(out CvmfsFacts cvmfs)
        ? [.. cvmfs.Repositories.Where(r => r.Usable && wanted.Contains(r.Name)).Select(r => r.Name)]
        : [];

    private static string Text(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace('\n', ' ')}\"";
}
