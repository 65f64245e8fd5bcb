using Newtonsoft.Json.Linq;

namespace GridWrapper.Probing;

/// <summary>
/// The facts of a node, as aligned lines for people and as JSON, where a three-state fact is {"state": "known", "value": …} or
/// {"state": "absent" or "unknown", "reason": …}.
/// </summary>
internal static class HostFactsReport
{
    private const int LabelWidth = 14;

    internal static ImmutableArray<string> Lines(HostFacts facts)
    {
        NodeFacts node = facts.Node;
        ImmutableArray<string>.Builder lines = ImmutableArray.CreateBuilder<string>();
        Add(lines, "node", $"{node.HostName}, {node.OperatingSystem}, Linux {node.Kernel}");
        Add(lines, "cpu", $"{node.CpuModel}, {node.Architecture} ({node.CpuLevel}), {node.Cores} cores");
        Add(lines, "memory", Size(node.MemoryBytes) + (node.MemoryLimitBytes is { } limit ? $", limited to {Size(limit)}" : ", no limit"));
        Add(lines, "user", $"{node.UserName ?? "?"} (uid {node.Uid}, gid {node.Gid})");
        Add(lines, "id ranges", Text(facts.SubordinateIds, i => string.Create(CultureInfo.InvariantCulture, $"{i.UidCount} uids from {i.UidStart}, {i.GidCount} gids from {i.GidStart}, by {i.UidMapper}")));
        AddNamespaces(lines, facts.Namespaces);
        Add(lines, "cgroups", Text(facts.Cgroups, c => $"payloads get a control group in {c.Directory}; {(c.Controllers.IsEmpty ? "no controllers" : "controllers: " + string.Join(' ', c.Controllers))}"));
        AddEach(
            lines,
            "runtimes",
            facts.Runtimes,
            r => $"{r.Name} {r.Version} {r.Path} [{r.Origin}] {(r.Works.Works ? r.Works.Detail : "does not work: " + r.Works.Detail)}");
        AddCvmfs(lines, facts.Cvmfs);
        foreach (SpaceFacts space in facts.Space)
        {
            Add(lines, "space", $"{space.Purpose}: {Size(space.FreeBytes)} free at {space.Path} ({space.FileSystem})");
        }

        Add(lines, "/dev/fuse", Text(facts.FuseDevice, f => f));
        Add(lines, "squashfuse", Text(facts.Squashfuse, f => f.Path));
        AddEach(lines, "gpus", facts.Gpus, g => $"{g.Vendor}: {string.Join(' ', g.Devices)}; {(g.Cdi is { } cdi ? $"CDI {cdi.File}" : $"{g.Libraries.Length} driver libraries")}");
        Add(lines, "zstd", Text(facts.Zstd, z => z));
        Add(lines, "zlib", Text(facts.Zlib, z => z));
        Add(lines, "proxies", facts.Proxies.IsEmpty ? "none" : string.Join(", ", facts.Proxies));
        return lines.ToImmutable();
    }

    internal static JObject Json(HostFacts facts) => new()
    {
        ["node"] = Json(facts.Node),
        ["namespaces"] = Json(facts.Namespaces, Json),
        ["cgroups"] = Json(facts.Cgroups, c => new JObject { ["directory"] = c.Directory, ["controllers"] = new JArray(c.Controllers), ["movesItself"] = c.MovesItself }),
        ["runtimes"] = Json(facts.Runtimes, r => new JArray(r.Select(Json))),
        ["cvmfs"] = Json(facts.Cvmfs, Json),
        ["space"] = new JArray(facts.Space.Select(Json)),
        ["fuseDevice"] = Json(facts.FuseDevice, f => f),
        ["squashfuse"] = Json(facts.Squashfuse, f => f.Path),
        ["gpus"] = Json(facts.Gpus, g => new JArray(g.Select(v => new JObject { ["vendor"] = v.Vendor, ["devices"] = new JArray(v.Devices), ["libraries"] = new JArray(v.Libraries.Select(l => l.Path)), ["cdi"] = v.Cdi?.File }))),
        ["subordinateIds"] = Json(facts.SubordinateIds, Json),
        ["zstd"] = Json(facts.Zstd, z => z),
        ["zlib"] = Json(facts.Zlib, z => z),
        ["proxies"] = new JArray(facts.Proxies),
    };

    /// <summary>"12.3 GiB".</summary>
    internal static string Size(long bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit < units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {units[unit]}");
    }

    private static void Add(ImmutableArray<string>.Builder lines, string label, string text) => lines.Add(label.PadRight(LabelWidth) + text);

    private static void AddEach<T>(ImmutableArray<string>.Builder lines, string label, Fact<ImmutableArray<T>> fact, Func<T, string> text)
    {
        if (!fact.IsKnown(out ImmutableArray<T> values))
        {
            Add(lines, label, Text(fact, _ => ""));
            return;
        }

        foreach (T value in values)
        {
            Add(lines, label, text(value));
            label = "";
        }
    }

    private static void AddNamespaces(ImmutableArray<string>.Builder lines, Fact<NamespaceFacts> fact)
    {
        if (!fact.IsKnown(out NamespaceFacts facts))
        {
            Add(lines, "namespaces", Text(fact, _ => ""));
            return;
        }

        Add(lines, "namespaces", facts.RootlessPossible ? "containers without privileges work here" : "containers without privileges do not work here");
        foreach ((string step, StepResult result) in Steps(facts))
        {
            Add(lines, "", $"{step}: {(result.Works ? "works" : $"{result.Errno} {result.Detail}".Trim())}");
        }
    }

    private static void AddCvmfs(ImmutableArray<string>.Builder lines, Fact<CvmfsFacts> fact)
    {
        if (!fact.IsKnown(out CvmfsFacts facts))
        {
            Add(lines, "cvmfs", Text(fact, _ => ""));
            return;
        }

        Add(lines, "cvmfs", facts.Root);
        foreach (CvmfsRepositoryFacts repository in facts.Repositories)
        {
            string seconds = repository.Seconds.ToString("0.00", CultureInfo.InvariantCulture);
            Add(lines, "", $"{repository.Name}: {StateName(repository.State)}: {repository.Detail} [{seconds} s]");
            foreach (string warning in repository.Warnings)
            {
                Add(lines, "", $"  warning: {warning}");
            }
        }
    }

    private static string Text<T>(Fact<T> fact, Func<T, string> text) => fact switch
    {
        Fact<T>.Known known => text(known.Value),
        Fact<T>.Absent absent => $"absent: {absent.Reason}",
        Fact<T>.Unknown unknown => $"unknown: {unknown.Reason}",
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static JObject Json<T>(Fact<T> fact, Func<T, JToken> value) => fact switch
    {
        Fact<T>.Known known => new JObject { ["state"] = "known", ["value"] = value(known.Value) },
        Fact<T>.Absent absent => new JObject { ["state"] = "absent", ["reason"] = absent.Reason },
        Fact<T>.Unknown unknown => new JObject { ["state"] = "unknown", ["reason"] = unknown.Reason },
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>Also the `node` of a result document.</summary>
    internal static JObject Json(NodeFacts node) => new()
    {
        ["hostName"] = node.HostName,
        ["operatingSystem"] = node.OperatingSystem,
        ["kernel"] = node.Kernel,
        ["architecture"] = node.Architecture,
        ["cpuLevel"] = node.CpuLevel,
        ["cpuModel"] = node.CpuModel,
        ["cores"] = node.Cores,
        ["memoryBytes"] = node.MemoryBytes,
        ["memoryLimitBytes"] = node.MemoryLimitBytes,
        ["uid"] = node.Uid,
        ["gid"] = node.Gid,
        ["userName"] = node.UserName,
    };

    private static JObject Json(NamespaceFacts facts)
    {
        JObject result = new() { ["rootlessPossible"] = facts.RootlessPossible };
        foreach ((string step, StepResult outcome) in Steps(facts))
        {
            result[step] = Json(outcome);
        }

        return result;
    }

    private static JObject Json(StepResult result) => new() { ["works"] = result.Works, ["errno"] = result.Errno, ["detail"] = result.Detail };

    private static JObject Json(SubordinateIds ids) => new()
    {
        ["uidStart"] = ids.UidStart,
        ["uidCount"] = ids.UidCount,
        ["gidStart"] = ids.GidStart,
        ["gidCount"] = ids.GidCount,
        ["uidMapper"] = ids.UidMapper,
        ["gidMapper"] = ids.GidMapper,
    };

    private static JObject Json(RuntimeFacts runtime) =>
        new() { ["path"] = runtime.Path, ["name"] = runtime.Name, ["version"] = runtime.Version, ["origin"] = runtime.Origin, ["works"] = Json(runtime.Works) };

    private static JObject Json(CvmfsFacts facts) => new() { ["root"] = facts.Root, ["repositories"] = new JArray(facts.Repositories.Select(Json)) };

    private static JObject Json(CvmfsRepositoryFacts facts) => new()
    {
        ["name"] = facts.Name,
        ["path"] = facts.Path,
        ["state"] = StateName(facts.State),
        ["detail"] = facts.Detail,
        ["errno"] = facts.Errno,
        ["seconds"] = Math.Round(facts.Seconds, 3),
        ["attributes"] = new JObject(facts.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => new JProperty(a.Key, a.Value))),
        ["warnings"] = new JArray(facts.Warnings),
        ["leakedProbePid"] = facts.LeakedProbePid,
    };

    private static JObject Json(SpaceFacts space) => new()
    {
        ["purpose"] = space.Purpose,
        ["path"] = space.Path,
        ["freeBytes"] = space.FreeBytes,
        ["freeInodes"] = space.FreeInodes,
        ["fileSystem"] = space.FileSystem,
    };

    private static string StateName(CvmfsState state) => state == CvmfsState.NamespacePrivate ? "namespacePrivate" : state.ToString().ToLowerInvariant();

    private static (string Step, StepResult Result)[] Steps(NamespaceFacts facts) =>
    [
        ("userNamespace", facts.UserNamespace), ("bind", facts.Bind), ("overlay", facts.Overlay),
        ("overlayUserXattr", facts.OverlayUserXattr), ("fuseOverlay", facts.FuseOverlay), ("underlay", facts.Underlay), ("fuse", facts.Fuse), ("freshProc", facts.FreshProc), ("pivot", facts.Pivot),
    ];
}
