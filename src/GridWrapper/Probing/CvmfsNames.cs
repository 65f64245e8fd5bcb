using GridWrapper.Images;

namespace GridWrapper.Probing;

/// <summary>
/// Under which public names DUCC may have published an image. The names are as the wish list spelled them, so Docker Hub's images appear under four hosts,
/// with and without "library/"; a digest without a tag is written with a colon instead of '@'.
/// </summary>
internal static class CvmfsNames
{
    /// <summary>Docker Hub's host names, the commonest on unpacked.cern.ch first.</summary>
    private static readonly string[] DockerHub = ["registry.hub.docker.com", "docker.io", "registry-1.docker.io", "index.docker.io"];

    /// <summary>Paths relative to the repository in the order of preference: those of our architecture, then those without one.</summary>
    internal static ImmutableArray<string> Of(ImageReference.InRegistry reference, Platform platform)
    {
        string[] plain = [.. Plain(reference)];
        IEnumerable<string> directories = platform.Variant is null
            ? [$".multiarch/{platform.Architecture}"]
            : [$".multiarch/{platform.Architecture}:{platform.Variant}", $".multiarch/{platform.Architecture}"];
        return [.. directories.SelectMany(d => plain.Select(p => $"{d}/{p}")), .. plain];
    }

    /// <summary>The same for repositories in the OSG's layout, which drops the host: begun by "./", since they hold only there.</summary>
    internal static ImmutableArray<string> OfOsg(ImageReference.InRegistry reference) =>
        [.. Repositories(reference).Where(r => r.Contains('/', StringComparison.Ordinal)).Select(r => $"{OsgPrefix}{r}{Suffix(reference)}")];

    internal const string OsgPrefix = "./";

    private static string Suffix(ImageReference.InRegistry reference) => reference switch
    {
        { Tag: { } tag } => ":" + tag,
        { Digest: { } digest } => ":" + digest,
        _ => ":latest",
    };

    private static IEnumerable<string> Plain(ImageReference.InRegistry reference)
    {
        string suffix = Suffix(reference);
        return from host in Hosts(reference.Host)
               from repository in Repositories(reference)
               select $"{host}/{repository}{suffix}";
    }

    private static string[] Hosts(string host)
    {
        string lower = host.ToLowerInvariant();
        return IsDockerHub(lower) ? DockerHub : lower == host ? [host] : [host, lower];
    }

    private static string[] Repositories(ImageReference.InRegistry reference)
    {
        const string Library = "library/";
        string repository = reference.Repository;
        if (!IsDockerHub(reference.Host.ToLowerInvariant()))
        {
            return [repository];
        }

        if (repository.StartsWith(Library, StringComparison.Ordinal))
        {
            return [repository, repository[Library.Length..]];
        }

        return repository.Contains('/', StringComparison.Ordinal) ? [repository] : [Library + repository, repository];
    }

    private static bool IsDockerHub(string host) => DockerHub.Contains(host, StringComparer.Ordinal);
}
