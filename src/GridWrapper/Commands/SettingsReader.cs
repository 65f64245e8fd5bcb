using System.Collections;
using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Running;
using GridWrapper.Sites;

namespace GridWrapper.Commands;

/// <summary>Options beat the environment, which beats the site profile, which beats the defaults. All faults of the options are reported together.</summary>
internal static class SettingsReader
{
    internal static RunSettings Read(OptionValues given)
    {
        if (Logging.Wanted(given.Text(GlobalOptions.LogLevel), given.Flag(GlobalOptions.Quiet)) is { } level)
        {
            Logging.ToStderr(level);
        }

        return Read(given, CallersEnvironment(), Environment.CurrentDirectory);
    }

    /// <param name="given">The command line.</param>
    /// <param name="environment">The caller's variables.</param>
    /// <param name="here">The directory that relative paths start from.</param>
    internal static RunSettings Read(OptionValues given, Dictionary<string, string> environment, string here)
    {
        SiteProfile site = SiteProfiles.WithFiles(WithEnvironment(SiteProfiles.Select(given.Text(GlobalOptions.Site), environment), environment), environment);
        List<string> faults = [];
        ImmutableArray<string> roots = SiteProfiles.CacheRoots(site, environment);
        string cache = Path.GetFullPath(CacheDirectory(given.Text(GlobalOptions.Cache), environment, site, roots), here);
        RunSettings settings = new()
        {
            Site = site,
            Environment = environment,
            Quiet = given.Flag(GlobalOptions.Quiet),
            CacheDirectory = cache,
            SharedCaches = roots.IsEmpty ? roots : roots.Remove(cache),
            WorkDirectory = Path.GetFullPath(given.Text(GlobalOptions.WorkDirectory) ?? here, here),
            ForcedStrategy = OneOf(given.Text(GlobalOptions.Strategy), Composition.StrategyNames, "--strategy", faults),
            ForcedLauncher = OneOf(given.Text(GlobalOptions.Launcher), Composition.LauncherNames, "--launcher", faults),
            Timeout = Seconds(given.Text(GlobalOptions.Timeout), faults) ?? (site.MaxWallSeconds is { } limit ? TimeSpan.FromSeconds(limit) : null),
            MemoryLimit = given.Text(GlobalOptions.MemoryLimit) is { } size ? ByteSize.Parse("--memory-limit", size, faults) : null,
            Binds =
            [
                .. SiteProfiles.Binds(site, environment).Select(b => new BindMount(b.Source, b.Target ?? b.Source, b.ReadOnly, b.Optional)),
                .. given.List(GlobalOptions.Bind).SelectMany(b => Bind(b, here, faults)),
            ],
            PayloadEnvironment = Assignments(given.List(GlobalOptions.Env), faults),
            InitialDirectory = Absolute(given.Text(GlobalOptions.InitialDirectory), "--pwd", faults),
            Gpu = OneOf(given.Text(GlobalOptions.Gpu), ["auto", "on", "off"], "--gpu", faults) ?? site.Gpu,
            Writable = given.Flag(GlobalOptions.Writable),
            Isolation = Isolation(site, given.Flag(GlobalOptions.FakeRoot)),
            Personality = OneOf(given.Text(GlobalOptions.Personality), ["oci", "singularity"], "--personality", faults) ?? (site.Personality == "auto" ? null : site.Personality),
            Entrypoint = given.Text(GlobalOptions.Entrypoint),
            ImageHome = given.Flag(GlobalOptions.ImageHome),
            RegistryConfig = given.Text(GlobalOptions.RegistryConfig) is { } file ? Path.GetFullPath(file, here) : null,
            DryRun = given.Flag(GlobalOptions.DryRun),
            Json = given.Flag(GlobalOptions.Json),
            Server = given.Flag(GlobalOptions.NoReport) ? null : ServerUrl(given.Text(GlobalOptions.Server) ?? site.Panda.Server, faults),
            Queue = given.Text(GlobalOptions.Queue) ?? site.Panda.Queue ?? environment.GetValueOrDefault("PILOT_SITENAME"),
            SourceLabel = given.Text(GlobalOptions.SourceLabel),
            StageIn = Addresses(given.List(GlobalOptions.StageIn), site.Storage.StageIn, (GlobalOptions.StageIn.Name, here), faults),
            StageOut = Addresses(given.List(GlobalOptions.StageOut), site.Storage.StageOut, (GlobalOptions.StageOut.Name, here), faults),
            StageOutGiven = given.List(GlobalOptions.StageOut).Count > 0,
            ResultFile = given.Text(GlobalOptions.Result) is { } result ? Path.GetFullPath(result, here) : null,
        };
        if (settings is { Entrypoint: not null, Personality: "singularity" })
        {
            faults.Add("--entrypoint belongs to OCI's rules, and --personality singularity knows no entry point");
        }

        if (!Directory.Exists(settings.WorkDirectory))
        {
            faults.Add($"--workdir {settings.WorkDirectory} is not a directory");
        }

        if (settings.ResultFile is { } document && !Directory.Exists(Path.GetDirectoryName(document)))
        {
            faults.Add($"--result {document}: its directory does not exist");
        }

        return faults.Count == 0 ? settings : throw GridWrapperException.BadCommandLine(string.Join("; ", faults));
    }

    /// <summary>A plain loop: this is on the path of every start.</summary>
    private static Dictionary<string, string> CallersEnvironment()
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            environment[(string)entry.Key] = (string?)entry.Value ?? "";
        }

        return environment;
    }

    private static SiteProfile WithEnvironment(SiteProfile site, Dictionary<string, string> environment)
    {
        string? root = NotEmpty(environment.GetValueOrDefault("GRIDWRAP_CVMFS_ROOT")) ?? NotEmpty(environment.GetValueOrDefault("CVMFS_MOUNT_DIR"));
        return root is null ? site : site with { Cvmfs = site.Cvmfs with { Root = root.Length > 1 ? root.TrimEnd('/') : root } };
    }

    private static string CacheDirectory(string? option, Dictionary<string, string> environment, SiteProfile site, ImmutableArray<string> roots) =>
        NotEmpty(option)
        ?? NotEmpty(environment.GetValueOrDefault("GRIDWRAP_CACHE"))
        ?? SiteProfiles.CacheDirectory(site, environment)
        ?? (roots.IsEmpty ? null : CacheRoots.FirstWritable(roots))
        ?? Path.Combine(NotEmpty(environment.GetValueOrDefault("TMPDIR")) ?? "/tmp", string.Create(CultureInfo.InvariantCulture, $"gridwrap-{Libc.GetUid()}"));

    private static Isolation Isolation(SiteProfile site, bool fakeRoot) => new()
    {
        FakeRoot = fakeRoot || site.Identity.FakeRoot,
        DenySystemCalls = site.Isolation.Seccomp == "deny",
        KeepKeyring = site.Isolation.Keyring == "keep",
        MaskKernelFiles = site.Isolation.MaskKernelFiles,
        Mapping = site.Identity.Map switch { "range" => IdMapping.Range, "auto" => IdMapping.Auto, _ => IdMapping.Single },
    };

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static TimeSpan? Seconds(string? text, List<string> faults)
    {
        if (text is null)
        {
            return null;
        }

        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) && seconds is > 0 and < 1e8)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        faults.Add($"--timeout {text}: a positive number of seconds is expected");
        return null;
    }

    private static string? OneOf(string? value, ImmutableArray<string> names, string option, List<string> faults)
    {
        if (value is not null && !names.Contains(value))
        {
            faults.Add($"{option} {value}: expected one of {string.Join(", ", names)}");
        }

        return value;
    }

    private static string? Absolute(string? path, string option, List<string> faults)
    {
        if (path is not null && !path.StartsWith('/'))
        {
            faults.Add($"{option} {path}: an absolute path inside the image is expected");
        }

        return path;
    }

    /// <summary>SRC[:DST[:ro|rw]]; several separated by commas are not accepted, the option repeats. A source named by the user must exist.</summary>
    private static IEnumerable<BindMount> Bind(string text, string here, List<string> faults)
    {
        string[] parts = text.Split(':');
        if (parts.Length > 3 || parts[0].Length == 0 || (parts.Length == 3 && parts[2] is not ("ro" or "rw")) || (parts.Length > 1 && !parts[1].StartsWith('/')))
        {
            faults.Add($"--bind {text}: expected SRC[:DST[:ro]] with an absolute DST");
            yield break;
        }

        string source = Path.GetFullPath(parts[0], here);
        yield return new BindMount(source, parts.Length > 1 ? parts[1] : source, parts.Length == 3 && parts[2] == "ro", Optional: false);
    }

    /// <summary>A plain loop: this is on the path of every start.</summary>
    private static ImmutableArray<KeyValuePair<string, string>> Assignments(IReadOnlyList<string> texts, List<string> faults)
    {
        ImmutableArray<KeyValuePair<string, string>> assignments = [];
        foreach (string text in texts)
        {
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
            {
                faults.Add($"--env {text}: expected KEY=VALUE");
                continue;
            }

            assignments = assignments.Add(new KeyValuePair<string, string>(text[..equals], text[(equals + 1)..]));
        }

        return assignments;
    }

    /// <summary>The line's addresses, else the profile's. A loop: this is on the path of every start.</summary>
    private static ImmutableArray<StorageAddress> Addresses(IReadOnlyList<string> given, ImmutableArray<string> otherwise, (string Option, string Here) source, List<string> faults)
    {
        if (given.Count == 0 && otherwise.IsEmpty)
        {
            return [];
        }

        ImmutableArray<StorageAddress>.Builder addresses = ImmutableArray.CreateBuilder<StorageAddress>();
        foreach (string text in given.Count > 0 ? given : otherwise)
        {
            string full = text.Contains("://", StringComparison.Ordinal) || text.Length == 0 ? text : Path.GetFullPath(text, source.Here);
            if (StorageAddress.Fault(full) is { } wrong)
            {
                faults.Add($"{source.Option}: {wrong}");
            }
            else
            {
                addresses.Add(StorageAddress.Of(full));
            }
        }

        return addresses.ToImmutable();
    }

    private static string? ServerUrl(string? text, List<string> faults)
    {
        if (text is not null && (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https")))
        {
            faults.Add($"--server {text}: expected a URL such as https://pandaserver.cern.ch:25443");
        }

        return text;
    }
}
