using System.Reflection;
using GridWrapper.Diagnostics;

namespace GridWrapper.Sites;

/// <summary>
/// Where profiles come from: the ones built in (the files of site-configs/) and files of the site. The one place of this room that reads files.
/// The default profile is made in code, so that a start without a profile loads no JSON library; a test holds it equal to site-configs/default.json.
/// </summary>
internal static class SiteProfiles
{
    internal const string DefaultName = "default";

    private const string Variable = "GRIDWRAP_SITE";
    private const string ResourcePrefix = "site-configs/";
    private const string Schema = "schema";
    private const int MaximumBytes = 1024 * 1024;

    /// <summary>The profile in force: <paramref name="option"/> (--site), else GRIDWRAP_SITE, else the default.</summary>
    /// <exception cref="GridWrapperException">Unknown name, unreadable file or faulty profile: exit 64, blame site.</exception>
    internal static SiteProfile Select(string? option, IReadOnlyDictionary<string, string> environment)
    {
        string asked = !string.IsNullOrEmpty(option) ? option : environment.GetValueOrDefault(Variable, "");
        return asked is "" or DefaultName ? new SiteProfile { Name = DefaultName } : Load(asked);
    }

    /// <summary>Reads a profile by name or file; also the default one, from its text.</summary>
    /// <exception cref="GridWrapperException">As <see cref="Select"/>.</exception>
    internal static SiteProfile Load(string nameOrFile) => SiteProfileReader.Read(Text(nameOrFile), nameOrFile);

    /// <summary>What is wrong with a profile, one line each; empty when nothing is.</summary>
    /// <exception cref="GridWrapperException">There is no such profile or file.</exception>
    internal static IReadOnlyList<string> Validate(string nameOrFile) =>
        [.. SiteProfileReader.Check(Text(nameOrFile)).Faults.Select(f => $"{nameOrFile}:{(f.Line == 0 ? " " : "")}{f}")];

    /// <summary>The profiles that are built in, by name.</summary>
    internal static ImmutableArray<SiteSummary> List() =>
        [.. BuiltInNames().Select(Load).Select(p => new SiteSummary(p.Name, p.Description))];

    /// <summary>The document as it was written, comments included.</summary>
    /// <exception cref="GridWrapperException">There is no such profile or file.</exception>
    internal static string Text(string nameOrFile) => IsFile(nameOrFile) ? FileText(nameOrFile) : BuiltInText(nameOrFile);

    /// <summary>A value with a '/' or ending in .json is a file, anything else a built-in name.</summary>
    internal static bool IsFile(string nameOrFile) =>
        nameOrFile.Contains('/', StringComparison.Ordinal) || nameOrFile.EndsWith(".json", StringComparison.OrdinalIgnoreCase);

    /// <summary>The profile's cache directory with its variables replaced, null where the profile names none.</summary>
    /// <exception cref="GridWrapperException">A variable is not set, or the result is relative.</exception>
    internal static string? CacheDirectory(SiteProfile profile, IReadOnlyDictionary<string, string> environment) =>
        profile.Cache.Directory is { } directory ? EnvironmentReferences.ExpandPath(directory, "cache.directory", environment) : null;

    /// <summary>The profile's cache roots with their variables replaced.</summary>
    /// <exception cref="GridWrapperException">A variable is not set, or the result is relative.</exception>
    internal static ImmutableArray<string> CacheRoots(SiteProfile profile, IReadOnlyDictionary<string, string> environment) =>
        profile.CacheRoots.IsEmpty ? [] : [.. profile.CacheRoots.Select(root => EnvironmentReferences.ExpandPath(root, "cacheRoots", environment).TrimEnd('/')).Distinct(StringComparer.Ordinal)];

    /// <summary>The profile's binds with their variables replaced. An optional bind whose variable is not set is left out.</summary>
    /// <exception cref="GridWrapperException">The variable of a bind that is not optional is not set, or a result is relative.</exception>
    internal static ImmutableArray<BindRule> Binds(SiteProfile profile, IReadOnlyDictionary<string, string> environment) =>
    [
        .. profile.Binds
            .Where(b => !b.Optional || EnvironmentReferences.TryExpand(b.Source, environment, out _, out _))
            .Select(b => b with { Source = EnvironmentReferences.ExpandPath(b.Source, "binds", environment) }),
    ];

    /// <summary>The profile with the variables of the file names that only some images need replaced: credentials and public keys.</summary>
    /// <exception cref="GridWrapperException">A variable is not set, or a result is relative.</exception>
    internal static SiteProfile WithFiles(SiteProfile profile, IReadOnlyDictionary<string, string> environment)
    {
        if (profile.Registries.ConfigFile is { } file)
        {
            profile = profile with { Registries = profile.Registries with { ConfigFile = EnvironmentReferences.ExpandPath(file, "registries.configFile", environment) } };
        }

        return profile.Images.Signatures.IsEmpty ? profile : profile with
        {
            Images = profile.Images with
            {
                Signatures = [.. profile.Images.Signatures.Select(rule => rule with { Keys = [.. rule.Keys.Select(key => KeyPath(key, environment))] })],
            },
        };
    }

    private static string KeyPath(string key, IReadOnlyDictionary<string, string> environment) =>
        key.StartsWith(ImagePattern.PemBegin, StringComparison.Ordinal) ? key : EnvironmentReferences.ExpandPath(key, "images.signatures.keys", environment);

    private static IEnumerable<string> BuiltInNames() =>
        typeof(SiteProfiles).Assembly.GetManifestResourceNames()
            .Where(r => r.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            .Select(r => Path.GetFileNameWithoutExtension(r[ResourcePrefix.Length..]))
            .Where(n => n != Schema)
            .Order(StringComparer.Ordinal);

    private static string BuiltInText(string name)
    {
        Assembly assembly = typeof(SiteProfiles).Assembly;
        using Stream? stream = name == Schema ? null : assembly.GetManifestResourceStream($"{ResourcePrefix}{name}.json");
        if (stream is null)
        {
            string known = string.Join(", ", BuiltInNames());
            throw Bad($"there is no built-in site profile \"{name}\"{NearestName.Hint(name, BuiltInNames())}; there are: {known}. A file is named with a '/' or with .json at its end.");
        }

        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private static string FileText(string file)
    {
        if (Path.GetFullPath(file).StartsWith("/cvmfs/", StringComparison.Ordinal))
        {
            throw Bad($"site profile {file} lies on CVMFS, which may hang: copy it to a local file and name that one");
        }

        try
        {
            FileInfo info = new(file);
            return info is { Exists: true, Length: > MaximumBytes }
                ? throw Bad($"site profile {file} is {info.Length} bytes long; at most {MaximumBytes} are read. Is it the right file?")
                : File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Bad($"site profile {file} cannot be read: {FileTrouble.Describe(e)}");
        }
    }

    private static GridWrapperException Bad(string message) => GridWrapperException.BadInput("site-profile", message, PilotError.SetupFailure, Blame.Site);
}
