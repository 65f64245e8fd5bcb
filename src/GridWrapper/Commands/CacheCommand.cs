using System.CommandLine;
using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Planning;
using GridWrapper.Running;
using GridWrapper.Serving;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>`gridwrap cache list|usage|verify|gc`.</summary>
internal static class CacheCommand
{
    private static readonly OptionSpec MaxBytes = new("--max-bytes", OptionKind.Text, "remove what was used longest ago until the layers take no more than this (default: the profile's cache.maxBytes)", "BYTES");
    private static readonly OptionSpec Remove = new("--remove", OptionKind.Flag, "remove damaged layers that nobody uses, so that the next job fetches them again");

    internal static Command Create()
    {
        Command cache = new("cache", "Look after the node's cache. Example: gridwrap cache list");
        cache.Subcommands.Add(Subcommand("list", "What is in the cache, longest unused first. Example: gridwrap cache list --json", List));
        cache.Subcommands.Add(Subcommand("usage", "How much the cache takes. Example: gridwrap cache usage", Usage));
        cache.Subcommands.Add(Subcommand("verify", "Reads every file of every layer again and compares it with its digest. Example: gridwrap cache verify --remove", Verify, Remove));
        cache.Subcommands.Add(Subcommand("gc", "Removes leftovers, and what was used longest ago. What a running job uses stays. Example: gridwrap cache gc --max-bytes 20000000000", Collect, MaxBytes));
        return cache;
    }

    /// <summary>One document for all four: the directory, and what the subcommand has to say.</summary>
    internal static JObject Document(string directory, IEnumerable<CacheItem> items) => new() { ["directory"] = directory, ["items"] = new JArray(items.Select(Json)) };

    private static JObject Json(CacheItem item)
    {
        JObject json = new()
        {
            ["kind"] = Kind(item),
            ["name"] = item.Name,
            ["diskBytes"] = item.DiskBytes,
            ["entries"] = item.Entries,
            ["lastUsed"] = item.LastUsed.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            ["inUse"] = item.InUse,
        };
        if (item.SharedRoot is { } root)
        {
            json["sharedRoot"] = root;
        }

        return json;
    }

    private static Command Subcommand(string name, string description, Func<Call, int> run, params OptionSpec[] more)
    {
        Command command = new(name, description);
        CommandOptions.Add(command, [.. GlobalOptions.Common, .. more]);
        command.SetAction((parsed, ct) =>
        {
            OptionValues given = CommandOptions.Values(parsed);
            RunSettings settings = SettingsReader.Read(given);
            bool removes = run == Collect || given.Flag(Remove);
            if (removes && Directory.Exists(settings.CacheDirectory))
            {
                // Looking is allowed wherever it is possible, be it read-only or somebody else's.
                new CacheDirectory(settings.CacheDirectory).Prepare();
            }

            return Task.FromResult(run(new Call(settings, given, new CacheInventory(new CacheDirectory(settings.CacheDirectory), TimeProvider.System), ct)));
        });
        return command;
    }

    private static int List(Call call)
    {
        ImmutableArray<CacheItem> items = [.. call.Inventory.List(), .. Shared(call)];
        Print(call, Document(call.Settings.CacheDirectory, items), [.. items.Select(Line)]);
        return 0;
    }

    private static int Usage(Call call)
    {
        ImmutableArray<CacheItem> items = call.Inventory.List();
        long bytes = items.Sum(item => item.DiskBytes);
        string directory = call.Settings.CacheDirectory;
        long? free = Directory.Exists(directory) ? new DriveInfo(directory).AvailableFreeSpace : null;
        var document = new JObject
        {
            ["directory"] = directory,
            ["diskBytes"] = bytes,
            ["entries"] = items.Sum(item => item.Entries),
            ["layers"] = items.Count(item => item.Kind == CacheItemKind.Layer),
            ["packed"] = items.Count(item => item.Kind == CacheItemKind.Packed),
            ["inUse"] = items.Count(item => item.InUse),
            ["shims"] = items.Count(item => item.Kind == CacheItemKind.Shim),
            ["unfinished"] = items.Count(item => item.Kind == CacheItemKind.Unfinished),
            ["maxBytes"] = call.Settings.Site.Cache.MaxBytes,
            ["freeBytes"] = free,
            ["otherStores"] = new JArray(new CacheDirectory(directory).OtherStores()),
            ["sharedRoots"] = new JArray(call.Settings.SharedCaches.Select(UsageOfShared)),
        };
        string others = ((JArray)document["otherStores"]!).Count == 0 ? "" : $"; left alone, since another version of gridwrap made it: {string.Join(", ", document["otherStores"]!)}";
        string limit = call.Settings.Site.Cache.MaxBytes is { } most ? PlanText.Size((long)most) : "none";
        Print(call, document, [$"{directory}: {PlanText.Size(bytes)} in {document["layers"]} layers and {document["packed"]} packed ones with {document["entries"]} entries, {document["inUse"]} things in use; limit {limit}, free {(free is { } f ? PlanText.Size(f) : "unknown")}{others}", .. document["sharedRoots"]!.Select(Line)]);
        return 0;
    }

    private static IEnumerable<CacheItem> Shared(Call call) => call.Settings.SharedCaches.SelectMany(root => CacheInventory.ListShared(root));

    private static JObject UsageOfShared(string root)
    {
        ImmutableArray<CacheItem> items = CacheInventory.ListShared(root);
        return new JObject { ["directory"] = root, ["usable"] = CacheRoots.IsTrusted(root), ["diskBytes"] = items.Sum(item => item.DiskBytes), ["layers"] = items.Length };
    }

    private static string Line(JToken root) => (bool)root["usable"]!
        ? $"{root["directory"]}: {PlanText.Size((long)root["diskBytes"]!)} in {root["layers"]} layers, shared and only read"
        : $"{root["directory"]}: nothing to use; it is not there, has no layers of this version, or is writable by others than its owner";

    private static int Verify(Call call)
    {
        var faults = new JArray();
        var lines = new List<string>();
        ImmutableArray<CacheItem> layers = [.. call.Inventory.List().Where(item => item.Kind is CacheItemKind.Layer or CacheItemKind.Packed or CacheItemKind.Lazy), .. Shared(call)];
        var results = new ImmutableArray<string>[layers.Length];
        long read = 0;
        int unread = 0;
        Parallel.For(0, layers.Length, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = call.Stop }, i =>
        {
            (results[i], long bytes, int entries) = Verify(layers[i], call.Stop);
            Interlocked.Add(ref read, bytes);
            Interlocked.Add(ref unread, entries);
        });
        for (int i = 0; i < layers.Length; i++)
        {
            if (!results[i].IsEmpty)
            {
                bool removed = call.Given.Flag(Remove) && layers[i].SharedRoot is null && call.Inventory.TryRemove(layers[i]);
                faults.Add(new JObject { ["name"] = layers[i].Name, ["faults"] = new JArray(results[i]), ["removed"] = removed });
                lines.AddRange(results[i].Select(fault => $"layer {layers[i].Name}: {fault}{(removed ? " (removed)" : "")}"));
            }
        }

        lines.Add(string.Create(CultureInfo.InvariantCulture, $"{layers.Length} layers, {PlanText.Size(read)} read, {faults.Count} damaged{(unread > 0 ? $"; {unread} entries of shared roots cannot be read by this user" : "")}"));
        Print(call, new JObject { ["directory"] = call.Settings.CacheDirectory, ["layers"] = layers.Length, ["bytesRead"] = read, ["unread"] = unread, ["damaged"] = faults }, lines);
        return faults.Count == 0 ? 0 : ExitCodes.TryElsewhere;
    }

    private static (ImmutableArray<string> Faults, long BytesRead, int Unread) Verify(CacheItem layer, CancellationToken ct)
    {
        if (layer.Kind == CacheItemKind.Packed)
        {
            var packed = new PackedVerifier(layer.Path);
            return (packed.Verify(ct), packed.BytesRead, 0);
        }

        if (layer.Kind == CacheItemKind.Lazy)
        {
            var lazy = new LazyVerifier(layer.Path);
            return (lazy.Verify(ct), lazy.BytesRead, 0);
        }

        var verifier = new LayerVerifier(layer.Path);
        return (verifier.Verify(ct), verifier.BytesRead, verifier.Unread);
    }

    private static int Collect(Call call)
    {
        long limit = call.Given.Text(MaxBytes) switch
        {
            null => call.Settings.Site.Cache.MaxBytes is { } most ? (long)most : long.MaxValue,
            { } text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) => bytes,
            { } text => throw GridWrapperException.BadInput("options", $"--max-bytes {text}: not a number of bytes"),
        };
        ImmutableArray<CacheItem> removed = call.Inventory.Sweep(limit, call.Stop);
        Print(call, Document(call.Settings.CacheDirectory, removed), [.. removed.Select(item => "removed " + Line(item)), $"freed {PlanText.Size(removed.Sum(item => item.DiskBytes))}"]);
        return 0;
    }

    private static string Line(CacheItem item) =>
        string.Create(CultureInfo.InvariantCulture, $"{Kind(item),-10} {item.Name} {PlanText.Size(item.DiskBytes),9} {item.Entries,7} {item.LastUsed:yyyy-MM-dd HH:mm}{(item.InUse ? " in use" : "")}{(item.SharedRoot is { } root ? " shared, in " + root : "")}");

    private static string Kind(CacheItem item) => item.Kind switch
    {
        CacheItemKind.Layer => "layer",
        CacheItemKind.Packed => "packed",
        CacheItemKind.Lazy => "lazy",
        CacheItemKind.Flat => "flat",
        CacheItemKind.Stack => "stack",
        CacheItemKind.Shim => "shim",
        _ => "unfinished",
    };

    private static void Print(Call call, JObject document, IReadOnlyList<string> lines)
    {
        string text = call.Settings.Json ? document.ToString() : string.Join('\n', lines);
        if (text.Length > 0)
        {
            Console.Out.WriteLine(text);
        }
    }

    /// <summary>One call of a subcommand.</summary>
    private sealed record Call(RunSettings Settings, OptionValues Given, CacheInventory Inventory, CancellationToken Stop);
}
