using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Sites;

/// <summary>A profile with every default filled in, as JSON: what `gridwrap site show` prints and what dry runs and results record. What it writes, the reader reads back.</summary>
internal static class SiteProfileWriter
{
    internal static string Write(SiteProfile profile) => ToJson(profile).ToString(Formatting.Indented);

    internal static JObject ToJson(SiteProfile profile) => new()
    {
        ["name"] = profile.Name,
        ["description"] = profile.Description,
        ["cvmfs"] = Cvmfs(profile.Cvmfs),
        ["strategies"] = new JArray(profile.Strategies),
        ["launchers"] = new JArray(profile.Launchers),
        ["cache"] = new JObject
        {
            ["directory"] = profile.Cache.Directory,
            ["maxBytes"] = profile.Cache.MaxBytes,
        },
        ["serving"] = new JObject { ["keep"] = profile.Serving.Keep, ["fill"] = profile.Serving.Fill, ["fillMinutes"] = profile.Serving.FillMinutes, ["patienceMinutes"] = profile.Serving.PatienceMinutes },
        ["cacheRoots"] = new JArray(profile.CacheRoots),
        ["registries"] = new JObject
        {
            ["plainHttp"] = new JArray(profile.Registries.PlainHttp),
            ["configFile"] = profile.Registries.ConfigFile,
            ["stallSeconds"] = profile.Registries.StallSeconds,
            ["mirrors"] = new JArray(profile.Registries.Mirrors.Select(mirror => new JObject { ["registry"] = mirror.Registry, ["url"] = mirror.Url })),
            ["foreignLayers"] = new JArray(profile.Registries.ForeignLayers),
        },
        ["images"] = Images(profile.Images),
        ["apptainer"] = new JObject
        {
            ["programs"] = new JArray(profile.Apptainer.Programs),
            ["cvmfsPrograms"] = new JArray(profile.Apptainer.CvmfsPrograms),
            ["options"] = new JArray(profile.Apptainer.Options),
        },
        ["binds"] = new JArray(profile.Binds.Select(Bind)),
        ["environment"] = Environment(profile.Environment),
        ["graceSeconds"] = profile.GraceSeconds,
        ["maxWallSeconds"] = profile.MaxWallSeconds,
        ["gpu"] = profile.Gpu,
        ["personality"] = profile.Personality,
        ["isolation"] = new JObject
        {
            ["seccomp"] = profile.Isolation.Seccomp,
            ["keyring"] = profile.Isolation.Keyring,
            ["maskKernelFiles"] = profile.Isolation.MaskKernelFiles,
        },
        ["identity"] = new JObject { ["map"] = profile.Identity.Map, ["fakeRoot"] = profile.Identity.FakeRoot },
        ["panda"] = new JObject
        {
            ["server"] = profile.Panda.Server,
            ["queue"] = profile.Panda.Queue,
            ["heartbeatSeconds"] = profile.Panda.HeartbeatSeconds,
            ["finalUpdateSeconds"] = profile.Panda.FinalUpdateSeconds,
            ["pullPauseSeconds"] = profile.Panda.PullPauseSeconds,
            ["pullTries"] = profile.Panda.PullTries,
            ["grid"] = profile.Panda.Grid,
            ["resourceType"] = profile.Panda.ResourceType,
            ["jobType"] = profile.Panda.JobType,
            ["proxySeconds"] = profile.Panda.ProxySeconds,
        },
        ["limits"] = Limits(profile.Limits),
        ["storage"] = Storage(profile.Storage),
    };

    private static JObject Storage(StoragePolicy storage) => new()
    {
        ["stageIn"] = new JArray(storage.StageIn),
        ["stageOut"] = new JArray(storage.StageOut),
        ["endpoints"] = new JObject(storage.Endpoints.Select(e => new JProperty(e.Key, e.Value))),
        ["trustedHosts"] = new JArray(storage.TrustedHosts),
        ["plainHttp"] = new JArray(storage.PlainHttp),
        ["xrdcp"] = storage.Xrdcp,
        ["tries"] = storage.Tries,
        ["pauseSeconds"] = storage.PauseSeconds,
        ["stallSeconds"] = storage.StallSeconds,
    };

    private static JObject Limits(LimitPolicy limits) => new()
    {
        ["fromJob"] = limits.FromJob,
        ["memoryFactor"] = limits.MemoryFactor,
        ["memoryBytes"] = limits.MemoryBytes,
        ["cpuSeconds"] = limits.CpuSeconds,
        ["cores"] = limits.Cores,
        ["processes"] = limits.Processes,
        ["diskBytes"] = limits.DiskBytes,
        ["outputFileBytes"] = limits.OutputFileBytes,
        ["stdoutBytes"] = limits.StdoutBytes,
        ["loopingSeconds"] = limits.LoopingSeconds,
        ["cgroup"] = limits.Cgroup,
        ["sampleSeconds"] = limits.SampleSeconds,
        ["directorySeconds"] = limits.DirectorySeconds,
    };

    private static JObject Cvmfs(CvmfsPolicy cvmfs) => new()
    {
        ["root"] = cvmfs.Root,
        ["imageRepositories"] = new JArray(cvmfs.ImageRepositories),
        ["repositories"] = new JArray(cvmfs.Repositories),
        ["firstTouchSeconds"] = cvmfs.FirstTouchSeconds,
        ["stepSeconds"] = cvmfs.StepSeconds,
        ["staleImages"] = cvmfs.StaleImages,
        ["unverifiedImages"] = cvmfs.UnverifiedImages,
        ["copies"] = cvmfs.Copies,
        ["bindIntoPayload"] = cvmfs.BindIntoPayload,
    };

    private static JObject Images(ImagePolicy images) => new()
    {
        ["allow"] = new JArray(images.Allow),
        ["deny"] = new JArray(images.Deny),
        ["allowDigests"] = new JArray(images.AllowDigests),
        ["denyDigests"] = new JArray(images.DenyDigests),
        ["signatures"] = new JArray(images.Signatures.Select(rule => new JObject
        {
            ["images"] = new JArray(rule.Images),
            ["mode"] = rule.Mode,
            ["keys"] = new JArray(rule.Keys),
            ["signedAs"] = new JArray(rule.SignedAs),
        })),
    };

    private static JObject Bind(BindRule rule) => new()
    {
        ["source"] = rule.Source,
        ["target"] = rule.Target,
        ["readOnly"] = rule.ReadOnly,
        ["optional"] = rule.Optional,
    };

    private static JObject Environment(EnvironmentPolicy environment)
    {
        JObject set = [];
        foreach ((string name, string value) in environment.Set.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            set[name] = value;
        }

        return new JObject { ["pass"] = new JArray(environment.Pass), ["set"] = set, ["giveProxy"] = environment.GiveProxy };
    }
}
