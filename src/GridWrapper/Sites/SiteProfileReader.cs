using GridWrapper.Diagnostics;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Sites;

/// <summary>
/// JSON with comments and trailing commas → <see cref="SiteProfile"/>. Pure: text in, record out. A profile that says something this program does not
/// understand is refused, because the site would believe that it was obeyed; and all its faults are told at once.
/// </summary>
internal static class SiteProfileReader
{
    private static readonly NumberRange Deadline = new(0.1, 3600);
    private static readonly NumberRange Minutes = new(0.01, 1440);
    private static readonly NumberRange Grace = new(0, 600);
    private static readonly NumberRange Limit = new(1, 31_536_000);
    private static readonly NumberRange CacheBytes = new(1e6, 1e18);

    /// <summary>Reads a profile.</summary>
    /// <param name="text">The document.</param>
    /// <param name="source">What to call it in messages: the file or the profile's name.</param>
    /// <exception cref="GridWrapperException">The document has faults: exit 64, blame site, one line for each.</exception>
    internal static SiteProfile Read(string text, string source)
    {
        (SiteProfile? profile, ImmutableArray<ProfileFault> faults) = Check(text);
        if (profile is not null)
        {
            return profile;
        }

        string count = faults.Length == 1 ? "one fault" : faults.Length.ToString(CultureInfo.InvariantCulture) + " faults";
        string lines = string.Concat(faults.Select(f => $"\n  {source}:{(f.Line == 0 ? " " : "")}{f}"));
        throw GridWrapperException.BadInput(
            "site-profile",
            $"site profile {source} has {count}:{lines}\n  The keys are described in site-configs/schema.json and docs/admin-guide.md.",
            PilotError.SetupFailure,
            Blame.Site);
    }

    /// <summary>The profile, or its faults in the order of the document.</summary>
    internal static (SiteProfile? Profile, ImmutableArray<ProfileFault> Faults) Check(string text)
    {
        ProfileFaults faults = new(text);
        SiteProfile? profile = Parse(text, faults) is { } json ? ReadProfile(new ProfileSection(json, "", faults)) : null;
        return faults.Any ? (null, faults.InOrder) : (profile, []);
    }

    private static JObject? Parse(string text, ProfileFaults faults)
    {
        using JsonTextReader reader = new(new StringReader(text)) { DateParseHandling = DateParseHandling.None, MaxDepth = 16 };
        try
        {
            JsonLoadSettings settings = new() { LineInfoHandling = LineInfoHandling.Load, DuplicatePropertyNameHandling = DuplicatePropertyNameHandling.Error };
            JToken token = JToken.ReadFrom(reader, settings);
            while (reader.Read())
            {
                // Comments after the end are skipped; the reader itself throws on anything else.
            }

            if (token is not JObject)
            {
                faults.Add(token, "", "expected one JSON object, { \"name\": … }");
            }

            return token as JObject;
        }
        catch (JsonReaderException e)
        {
            faults.Add(new ProfileFault(e.LineNumber, e.LinePosition, e.Path ?? "", e.LineNumber == 0 ? "it is empty" : "not valid JSON: " + FirstSentence(e.Message)));
            return null;
        }
    }

    /// <summary>The reader's message without its own statement of the place.</summary>
    private static string FirstSentence(string message)
    {
        int at = message.IndexOf(" Path '", StringComparison.Ordinal);
        return (at < 0 ? message : message[..at]).TrimEnd('.');
    }

    private static SiteProfile ReadProfile(ProfileSection root)
    {
        SiteProfile otherwise = new() { Name = "" };
        _ = root.OptionalText("$schema", ProfileRules.Anything);
        SiteProfile profile = new()
        {
            Name = root.RequiredText("name", ProfileRules.ProfileName),
            Description = root.Text("description", otherwise.Description, ProfileRules.Anything),
            Cvmfs = root.Section("cvmfs") is { } cvmfs ? ReadCvmfs(cvmfs) : otherwise.Cvmfs,
            Strategies = root.Preference("strategies", otherwise.Strategies, ProfileRules.OneOf(ProfileRules.StrategyNames)),
            Launchers = root.Preference("launchers", otherwise.Launchers, ProfileRules.OneOf(ProfileRules.LauncherNames)),
            Cache = root.Section("cache") is { } cache ? ReadCache(cache) : otherwise.Cache,
            Serving = root.Section("serving") is { } serving ? ReadServing(serving) : otherwise.Serving,
            CacheRoots = root.Distinct("cacheRoots", ProfileRules.CacheRoot),
            Registries = root.Section("registries") is { } registries ? ReadRegistries(registries) : otherwise.Registries,
            Images = root.Section("images") is { } images ? ImagePolicyReader.Read(images) : otherwise.Images,
            Apptainer = root.Section("apptainer") is { } apptainer ? ReadApptainer(apptainer) : otherwise.Apptainer,
            Binds = [.. root.Sections("binds").Select(ReadBind)],
            Environment = root.Section("environment") is { } environment ? ReadEnvironment(environment) : otherwise.Environment,
            GraceSeconds = root.Number("graceSeconds", otherwise.GraceSeconds, Grace),
            MaxWallSeconds = root.OptionalNumber("maxWallSeconds", Limit),
            Gpu = root.Text("gpu", otherwise.Gpu, ProfileRules.OneOf(ProfileRules.GpuModes)),
            Personality = root.Text("personality", otherwise.Personality, ProfileRules.OneOf(ProfileRules.Personalities)),
            Isolation = root.Section("isolation") is { } isolation ? ReadIsolation(isolation) : otherwise.Isolation,
            Identity = root.Section("identity") is { } identity ? ReadIdentity(identity) : otherwise.Identity,
            Panda = root.Section("panda") is { } panda ? ReadPanda(panda) : otherwise.Panda,
            Limits = root.Section("limits") is { } limits ? LimitPolicyReader.Read(limits) : otherwise.Limits,
            Storage = root.Section("storage") is { } storage ? StoragePolicyReader.Read(storage) : otherwise.Storage,
        };
        root.Finish();
        return profile;
    }

    private static CvmfsPolicy ReadCvmfs(ProfileSection section)
    {
        CvmfsPolicy otherwise = new();
        Func<string, string?> acceptOrRefuse = ProfileRules.OneOf(ProfileRules.AcceptOrRefuse);
        CvmfsPolicy policy = new()
        {
            Root = section.Text("root", otherwise.Root, ProfileRules.AbsolutePath),
            ImageRepositories = section.Texts("imageRepositories", otherwise.ImageRepositories, ProfileRules.ImageRepository),
            Repositories = section.Texts("repositories", otherwise.Repositories, ProfileRules.RepositoryName),
            FirstTouchSeconds = section.Number("firstTouchSeconds", otherwise.FirstTouchSeconds, Deadline),
            StepSeconds = section.Number("stepSeconds", otherwise.StepSeconds, Deadline),
            StaleImages = section.Text("staleImages", otherwise.StaleImages, acceptOrRefuse),
            UnverifiedImages = section.Text("unverifiedImages", otherwise.UnverifiedImages, acceptOrRefuse),
            Copies = section.Text("copies", otherwise.Copies, acceptOrRefuse),
            BindIntoPayload = section.Flag("bindIntoPayload", otherwise.BindIntoPayload),
        };
        section.Finish();
        return policy;
    }

    private static IsolationPolicy ReadIsolation(ProfileSection section)
    {
        IsolationPolicy otherwise = new();
        IsolationPolicy policy = new()
        {
            Seccomp = section.Text("seccomp", otherwise.Seccomp, ProfileRules.OneOf(["none", "deny"])),
            Keyring = section.Text("keyring", otherwise.Keyring, ProfileRules.OneOf(["new", "keep"])),
            MaskKernelFiles = section.Flag("maskKernelFiles", otherwise.MaskKernelFiles),
        };
        section.Finish();
        return policy;
    }

    private static IdentityPolicy ReadIdentity(ProfileSection section)
    {
        IdentityPolicy otherwise = new();
        IdentityPolicy policy = new()
        {
            Map = section.Text("map", otherwise.Map, ProfileRules.OneOf(["single", "range", "auto"])),
            FakeRoot = section.Flag("fakeRoot", otherwise.FakeRoot),
        };
        section.Finish();
        return policy;
    }

    private static CachePolicy ReadCache(ProfileSection section)
    {
        CachePolicy policy = new()
        {
            Directory = section.OptionalText("directory", ProfileRules.ExpandablePath),
            MaxBytes = section.OptionalNumber("maxBytes", CacheBytes),
        };
        section.Finish();
        return policy;
    }

    private static ServingPolicy ReadServing(ProfileSection section)
    {
        ServingPolicy otherwise = new();
        ServingPolicy policy = new()
        {
            Keep = section.Text("keep", otherwise.Keep, ProfileRules.OneOf([ServingPolicy.KeepAuto, ServingPolicy.KeepInflated, ServingPolicy.KeepCompressed])),
            Fill = section.Text("fill", otherwise.Fill, ProfileRules.OneOf([ServingPolicy.Background, ServingPolicy.BeforeRun, ServingPolicy.OnDemand])),
            FillMinutes = section.Number("fillMinutes", otherwise.FillMinutes, Minutes),
            PatienceMinutes = section.Number("patienceMinutes", otherwise.PatienceMinutes, Minutes),
        };
        section.Finish();
        return policy;
    }

    private static RegistryPolicy ReadRegistries(ProfileSection section)
    {
        RegistryPolicy otherwise = new();
        RegistryPolicy policy = new()
        {
            PlainHttp = section.Texts("plainHttp", otherwise.PlainHttp, ProfileRules.HostAndPort),
            ConfigFile = section.OptionalText("configFile", ProfileRules.ExpandablePath),
            StallSeconds = section.Number("stallSeconds", otherwise.StallSeconds, Deadline),
            Mirrors = [.. section.Sections("mirrors").Select(ReadMirror)],
            ForeignLayers = section.Texts("foreignLayers", otherwise.ForeignLayers, ProfileRules.HostAndPort),
        };
        section.Finish();
        return policy;
    }

    private static RegistryMirror ReadMirror(ProfileSection section)
    {
        var mirror = new RegistryMirror(section.RequiredText("registry", ProfileRules.HostAndPort), section.RequiredText("url", ProfileRules.MirrorUrl));
        section.Finish();
        return mirror;
    }

    private static ApptainerPolicy ReadApptainer(ProfileSection section)
    {
        ApptainerPolicy otherwise = new();
        ApptainerPolicy policy = new()
        {
            Programs = section.Texts("programs", otherwise.Programs, ProfileRules.AbsolutePath),
            CvmfsPrograms = section.Texts("cvmfsPrograms", otherwise.CvmfsPrograms, ProfileRules.RelativePath),
            Options = section.Texts("options", otherwise.Options, ProfileRules.NotEmpty),
        };
        section.Finish();
        return policy;
    }

    private static BindRule ReadBind(ProfileSection section)
    {
        BindRule rule = new(
            section.RequiredText("source", ProfileRules.ExpandablePath),
            section.OptionalText("target", ProfileRules.AbsolutePath),
            section.Flag("readOnly", true),
            section.Flag("optional", true));
        section.Finish();
        return rule;
    }

    private static EnvironmentPolicy ReadEnvironment(ProfileSection section)
    {
        EnvironmentPolicy otherwise = new();
        EnvironmentPolicy policy = new()
        {
            Pass = section.Texts("pass", otherwise.Pass, ProfileRules.VariablePattern),
            Set = section.Map("set", ProfileRules.VariableName, static _ => null),
            GiveProxy = section.Flag("giveProxy", otherwise.GiveProxy),
        };
        section.Finish();
        return policy;
    }

    private static PandaPolicy ReadPanda(ProfileSection section)
    {
        PandaPolicy otherwise = new();
        PandaPolicy policy = new()
        {
            Server = section.OptionalText("server", ProfileRules.ServerUrl),
            Queue = section.OptionalText("queue", ProfileRules.NotEmpty),
            HeartbeatSeconds = section.Number("heartbeatSeconds", otherwise.HeartbeatSeconds, new NumberRange(1, 7200)),
            FinalUpdateSeconds = section.Number("finalUpdateSeconds", otherwise.FinalUpdateSeconds, new NumberRange(0, 604_800)),
            PullPauseSeconds = section.Number("pullPauseSeconds", otherwise.PullPauseSeconds, new NumberRange(0, 3600)),
            Grid = section.OptionalText("grid", ProfileRules.NotEmpty),
            ResourceType = section.OptionalText("resourceType", ProfileRules.NotEmpty),
            JobType = section.OptionalText("jobType", ProfileRules.NotEmpty),
            ProxySeconds = section.Number("proxySeconds", otherwise.ProxySeconds, new NumberRange(0, 1e7)),
            PullTries = (int)section.Number("pullTries", otherwise.PullTries, new NumberRange(1, 1000)),
        };
        section.Finish();
        return policy;
    }
}
