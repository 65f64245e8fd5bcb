using GridWrapper.Diagnostics;
using GridWrapper.Launching;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>
/// What Apptainer's options mean as settings of a launch: which places of the host are shown without being asked for, whose home, where it starts, and which variables
/// enter. The site profile's binds stand for those of apptainer.conf. The reasons are in docs/decisions (faces). Pure.
/// </summary>
internal sealed class ApptainerSettings(ApptainerWords words, RunSettings caller)
{
    /// <summary>Apptainer sets these itself, for the image or for the payload, or they belong to the caller's shell.</summary>
    private static readonly ImmutableArray<string> Own = ["HOME", "PATH", "PWD", "OLDPWD", "_", "LD_LIBRARY_PATH", "PS1", "PROMPT_COMMAND"];

    /// <summary>Those of its own variables, and gridwrap's, are addressed to the program and not to the payload.</summary>
    private static readonly ImmutableArray<string> OwnPrefixes = ["APPTAINER", "SINGULARITY", "GRIDWRAP"];

    /// <summary>They enter even where nothing else does.</summary>
    private static readonly ImmutableArray<string> Always =
        ["TERM", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "ftp_proxy", "FTP_PROXY"];

    private bool ContainsAll => words.Has(ApptainerMeaning.ContainAll) || words.Has(ApptainerMeaning.Compat);

    private bool Contains => ContainsAll || words.Has(ApptainerMeaning.Contain);

    private bool IsClean => ContainsAll || words.Has(ApptainerMeaning.CleanEnvironment);

    private string Here => caller.WorkDirectory;

    private string? WorkDirectory => words.Last(ApptainerMeaning.WorkDirectory) is { Length: > 0 } given ? Path.GetFullPath(given, Here) : null;

    /// <summary>Host directories that must be there before the launch.</summary>
    internal IEnumerable<string> DirectoriesToMake() => WorkDirectory is { } work && Contains ? [work + "/tmp", work + "/var_tmp", .. UsesWorkHome ? (string[])[work + "/home"] : []] : [];

    internal RunSettings Create(bool runsImage)
    {
        ImmutableArray<string> unmounted = Unmounted();
        BindMount? home = Home(unmounted);
        string homeInside = home?.Target ?? HostHome;
        ImmutableArray<BindMount> asked = [.. AskedBinds()];
        bool hides = Contains || unmounted.Contains("cwd");
        ImmutableArray<string> empty = [.. Empty(home, homeInside, unmounted)];
        return caller with
        {
            Binds = [.. caller.Binds, .. home is { } shown && !IsTemporary(shown.Target) ? (BindMount[])[shown] : [], .. Temporary(unmounted), .. asked],
            PayloadEnvironment = [new("HOME", homeInside), .. caller.PayloadEnvironment, .. Variables()],
            InitialDirectory = words.Last(ApptainerMeaning.InitialDirectory) is { Length: > 0 } given ? given
                : hides ? StartsIn(home, asked, homeInside, empty)
                : null,
            Gpu = words.Has(ApptainerMeaning.Gpu) ? "auto" : "off",
            Writable = words.Has(ApptainerMeaning.WritableTmpfs) || words.Has(ApptainerMeaning.Compat),
            Isolation = words.Has(ApptainerMeaning.FakeRoot) ? caller.Isolation with { FakeRoot = true } : caller.Isolation,
            Personality = "singularity",
            Site = caller.Site with { Environment = caller.Site.Environment with { Pass = [.. Passed()] } },
            AsApptainer = new ApptainerView { HideWorkDirectory = hides, EmptyDirectories = empty, RunsImage = runsImage },
        };
    }

    private string HostHome => caller.Environment.GetValueOrDefault("HOME") is ['/', ..] home && home.Length > 1 ? home.TrimEnd('/') : Here;

    private bool UsesWorkHome => words.Last(ApptainerMeaning.Home) is null && !words.Has(ApptainerMeaning.NoHome);

    /// <summary>What of the account's home is shown where; null for nothing.</summary>
    private BindMount? Home(ImmutableArray<string> unmounted)
    {
        if (words.Last(ApptainerMeaning.Home) is { Length: > 0 } given)
        {
            return ApptainerBindText.Home(given, Here);
        }

        return words.Has(ApptainerMeaning.NoHome) || unmounted.Contains("home") || HostHome == "/" ? null
            : !Contains ? new BindMount(HostHome, HostHome, ReadOnly: false, Optional: true)
            : WorkDirectory is { } work ? new BindMount(work + "/home", HostHome, ReadOnly: false, Optional: false)
            : null;
    }

    /// <summary>A contained payload has an empty home and empty scratch directories.</summary>
    private IEnumerable<string> Empty(BindMount? home, string homeInside, ImmutableArray<string> unmounted)
    {
        if (Contains && home is null && !words.Has(ApptainerMeaning.NoHome) && !unmounted.Contains("home") && !IsTemporary(homeInside) && homeInside != "/")
        {
            yield return homeInside;
        }

        foreach (string place in words.All(ApptainerMeaning.Scratch).SelectMany(s => s.Split(',', StringSplitOptions.RemoveEmptyEntries)))
        {
            if (!IsTemporary(place))
            {
                yield return place.StartsWith('/') ? place : throw GridWrapperException.BadCommandLine($"--scratch {place}: an absolute path inside the image is expected");
            }
        }
    }

    /// <summary>The node's own /tmp where nothing is contained; else that of --workdir; else one of the run's own.</summary>
    private IEnumerable<BindMount> Temporary(ImmutableArray<string> unmounted) =>
        unmounted.Contains("tmp") ? []
        : !Contains ? [new BindMount("/tmp", "/tmp", ReadOnly: false, Optional: true), new BindMount("/var/tmp", "/var/tmp", ReadOnly: false, Optional: true)]
        : WorkDirectory is { } work ? [new BindMount(work + "/tmp", "/tmp", ReadOnly: false, Optional: false), new BindMount(work + "/var_tmp", "/var/tmp", ReadOnly: false, Optional: false)]
        : [];

    private static bool IsTemporary(string place) => place is "/tmp" or "/var/tmp";

    private IEnumerable<BindMount> AskedBinds() => words.Given.SelectMany(g => g.Meaning switch
    {
        ApptainerMeaning.Bind => ApptainerBindText.Binds(g.Value, Here),
        ApptainerMeaning.Mount => [ApptainerBindText.Mount(g.Value, Here)],
        _ => [],
    }).Select(OfMountedCvmfs);

    /// <summary>Where CVMFS is mounted somewhere else, /cvmfs means that place.</summary>
    private BindMount OfMountedCvmfs(BindMount bind)
    {
        string root = caller.Site.Cvmfs.Root;
        return root != "/cvmfs" && (bind.Source == "/cvmfs" || bind.Source.StartsWith("/cvmfs/", StringComparison.Ordinal))
            ? bind with { Source = root + bind.Source["/cvmfs".Length..] }
            : bind;
    }

    /// <summary>Where it was called, if that is shown; else in the home, if that is; else at the root.</summary>
    private string StartsIn(BindMount? home, ImmutableArray<BindMount> asked, string homeInside, ImmutableArray<string> empty) =>
        asked.Any(b => IsAtOrBelow(Here, b.Target)) || IsTemporary(Here) ? Here
        : home is not null || empty.Contains(homeInside) || asked.Any(b => IsAtOrBelow(homeInside, b.Target)) ? homeInside
        : "/";

    private static bool IsAtOrBelow(string path, string parent) => path == parent || path.StartsWith(parent.TrimEnd('/') + "/", StringComparison.Ordinal);

    private ImmutableArray<string> Unmounted()
    {
        ImmutableArray<string> names = [.. words.All(ApptainerMeaning.NoMount).SelectMany(n => n.Split(',', StringSplitOptions.RemoveEmptyEntries))];
        return names.FirstOrDefault(n => n is not ("home" or "tmp" or "cwd" or "hostfs" or "bind-paths")) is { } other
            ? throw GridWrapperException.BadCommandLine($"--no-mount {other}: gridwrap can leave out home, tmp and cwd; hostfs and bind-paths are never there")
            : names;
    }

    private IEnumerable<string> Passed() => IsClean ? Always : caller.Environment.Keys.Where(IsForPayload);

    private static bool IsForPayload(string name) => !Own.Contains(name) && !OwnPrefixes.Any(p => name.StartsWith(p, StringComparison.Ordinal)) && !name.EndsWith('*');

    private IEnumerable<KeyValuePair<string, string>> Variables()
    {
        foreach (string line in words.All(ApptainerMeaning.EnvironmentFile).SelectMany(EnvironmentFile.Lines))
        {
            yield return Assignment(line, "--env-file");
        }

        foreach (string pair in words.All(ApptainerMeaning.Environment).SelectMany(Pairs))
        {
            yield return Assignment(pair, "--env");
        }
    }

    /// <summary>K=V[,K=V]: a comma begins another variable only where a name and '=' follow it.</summary>
    private static IEnumerable<string> Pairs(string text)
    {
        StringBuilder pair = new();
        foreach (string piece in text.Split(','))
        {
            bool begins = piece.IndexOf('=', StringComparison.Ordinal) > 0;
            if (pair.Length > 0 && begins)
            {
                yield return pair.ToString();
                pair.Clear();
            }

            pair.Append(pair.Length > 0 ? "," : "").Append(piece);
        }

        if (pair.Length > 0)
        {
            yield return pair.ToString();
        }
    }

    private static KeyValuePair<string, string> Assignment(string text, string option)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 ? new(text[..equals], text[(equals + 1)..]) : throw GridWrapperException.BadCommandLine($"{option} {text}: expected KEY=VALUE");
    }
}
