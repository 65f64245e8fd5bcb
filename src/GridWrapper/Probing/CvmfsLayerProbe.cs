using GridWrapper.Diagnostics;
using GridWrapper.Images;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Probing;

/// <summary>
/// Finds the layers of an image in the image repositories. A layer counts if its directory opens and lists and its metadata, written after the content, names the
/// blob digest and the diffID that are wanted; anything else is as good as absent. The content itself cannot be hashed again: CVMFS vouches for it.
/// </summary>
internal sealed class CvmfsLayerProbe(IProbeChildren children)
{
    /// <summary>Looks for the layers of a known image, or, where the registry did not answer, first for the image in the repositories' own records.</summary>
    internal async Task<Fact<CvmfsLayers>> FindAsync(
        ImageReference.InRegistry reference, Fact<ResolvedImage> resolved, CvmfsFacts facts, ImageSearch search, CancellationToken ct)
    {
        List<Place> places = [];
        List<string> notes = [];
        foreach (string name in search.Site.Cvmfs.ImageRepositories)
        {
            CvmfsRepositoryFacts? repository = facts.Repositories.FirstOrDefault(r => r.Name == CvmfsPath.RepositoryPart(name));
            if (repository is { Usable: true })
            {
                places.Add(new Place(name, Path.Combine(facts.Root, name), repository.Path));
            }
            else
            {
                notes.Add(repository is null ? $"{name} was not looked at" : $"{name}: {repository.State.ToString().ToLowerInvariant()}: {repository.Detail}");
            }
        }

        Wanted? wanted = resolved.IsKnown(out ResolvedImage image)
            ? new Wanted(image.Manifest.Layers, image.Config, image.Manifest.Config.Digest, Verification.Verified)
            : await RememberedAsync(reference, places, search, ct);
        if (wanted is null)
        {
            return new Fact<CvmfsLayers>.Unknown($"the image's layers are not known: {resolved.Why}{string.Concat(notes.Select(n => "; " + n))}");
        }

        CvmfsLayers? found = null;
        foreach (Place place in places)
        {
            ProbeReply reply = await AskAsync(place, ProbeKind.Layers, [place.Top, Chainable(wanted.Layers), .. wanted.Layers.Select(l => l.Digest.Hex)], search, ct);
            CvmfsLayers here = Judge(place, wanted, reply);
            found = found is null ? here : Join(found, here);
        }

        return found is { Found.IsEmpty: false } or { Chain: not null }
            ? new Fact<CvmfsLayers>.Known(found with { Notes = [.. notes, .. found.Notes] })
            : new Fact<CvmfsLayers>.Absent(Nothing(places, notes, found));
    }

    private static string Nothing(List<Place> places, List<string> notes, CvmfsLayers? found)
    {
        string where = places.Count == 0 ? "no image repository can be used here" : $"{string.Join(", ", places.Select(p => p.Name))} has none of the image's layers";
        string[] why = [.. notes, .. found?.Notes ?? []];
        return why.Length == 0 ? where : $"{where} ({string.Join("; ", why)})";
    }

    /// <summary>Foreign layers are left out of the publisher's count, which makes its chain IDs mean something else.</summary>
    private static string Chainable(ImmutableArray<Descriptor> layers) => layers.Any(l => MediaTypes.IsForeignLayer(l.MediaType)) ? "0" : "1";

    private static CvmfsLayers Join(CvmfsLayers first, CvmfsLayers second) => first with
    {
        Found = second.Found.SetItems(first.Found),
        Chain = (second.Chain?.Count ?? 0) > (first.Chain?.Count ?? 0) ? second.Chain : first.Chain,
        Config = first.Config.DiffIds.Length >= second.Config.DiffIds.Length ? first.Config : second.Config,
        Notes = first.Notes.AddRange(second.Notes),
    };

    private static CvmfsLayers Judge(Place place, Wanted wanted, ProbeReply reply)
    {
        List<string> notes = [];
        if (reply.End != ProbeEnd.Answered || reply["open.errno"].Length > 0)
        {
            notes.Add($"{place.Name}: {(reply.End != ProbeEnd.Answered ? reply.Trouble : "opening it: " + reply["open.errno"])}");
        }

        ImmutableDictionary<Digest, CvmfsLayer>.Builder found = ImmutableDictionary.CreateBuilder<Digest, CvmfsLayer>();
        List<Digest> diffIds = [];
        // Of a repository in which a child got stuck nothing can be used, whatever was seen there before.
        bool dead = reply.End is ProbeEnd.Stuck or ProbeEnd.NotAsked;
        for (int i = 0; i < wanted.Layers.Length && !dead; i++)
        {
            Digest blob = wanted.Layers[i].Digest;
            string key = string.Create(CultureInfo.InvariantCulture, $"layer.{i}.");
            string? fault = Fault(reply, key, wanted, i, out Digest? diffId);
            if (fault is null)
            {
                diffIds.Add(diffId!);
                found[blob] = new CvmfsLayer(CvmfsPath.RepositoryPart(place.Name), $"{place.Top}/.layers/{blob.Hex[..2]}/{blob.Hex}/layerfs", Entries(reply[key + "counters"], blob));
            }
            else if (fault.Length > 0)
            {
                notes.Add($"{place.Name}: layer {blob.Hex[..12]}: {fault}");
            }
        }

        bool complete = diffIds.Count == wanted.Layers.Length;
        return new CvmfsLayers
        {
            Layers = wanted.Layers,
            Config = wanted.Config.DiffIds.IsEmpty && complete ? wanted.Config with { DiffIds = [.. diffIds] } : wanted.Config,
            ConfigDigest = wanted.ConfigDigest,
            Verification = wanted.Verification,
            Found = found.ToImmutable(),
            Chain = dead ? null : Chain(place, reply),
            Notes = [.. notes],
        };
    }

    private static CvmfsChain? Chain(Place place, ProbeReply reply) =>
        reply.Number("chain.layers") is { } count and > 0 && Digest.TryParseHex(reply["chain.id"], out Digest? id)
            ? new CvmfsChain((int)count, CvmfsPath.RepositoryPart(place.Name), $"{place.Top}/.chains/{id.Hex[..2]}/{id.Hex}")
            : null;

    /// <summary>Null for a layer that is there and complete, empty for one that is not there.</summary>
    private static string? Fault(ProbeReply reply, string key, Wanted wanted, int index, out Digest? diffId)
    {
        diffId = null;
        if (!reply.Values.TryGetValue(key + "errno", out string? errno) || errno is "ENOENT")
        {
            return "";
        }

        if (errno.Length > 0 || reply[key + "meta.errno"] is { Length: > 0 })
        {
            return errno.Length > 0 ? $"opening it: {errno}" : $"its metadata: {reply[key + "meta.errno"]}";
        }

        if (reply[key + "counters"].Contains("failed to load", StringComparison.Ordinal))
        {
            return "the client cannot load its catalog";
        }

        Digest blob = wanted.Layers[index].Digest;
        Digest? expected = wanted.Config.DiffIds.IsEmpty ? null : wanted.Config.DiffIds[index];
        (Digest Blob, Digest DiffId)? metadata = ReadMetadata(reply[key + "meta"]);
        diffId = metadata?.DiffId;
        return metadata is null ? "its metadata cannot be read"
            : metadata.Value.Blob != blob ? "its metadata names another blob"
            : expected is not null && expected != diffId ? "its metadata names another diffID than the image's configuration"
            : null;
    }

    /// <summary>An array of one object, in the style of containers/storage.</summary>
    private static (Digest Blob, Digest DiffId)? ReadMetadata(string text)
    {
        try
        {
            return JToken.Parse(text) is JArray { Count: > 0 } array && array[0] is JObject layer
                && Digest.TryParse((string?)layer["compressed-diff-digest"], out Digest? blob) && Digest.TryParse((string?)layer["diff-digest"], out Digest? diffId)
                ? (blob, diffId)
                : null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidCastException)
        {
            return null;
        }
    }

    /// <summary>The catalog's numbers mean this layer only if the catalog begins at it.</summary>
    private static long? Entries(string counters, Digest blob)
    {
        long sum = 0;
        bool own = false;
        foreach (string line in counters.Split('\n'))
        {
            own |= line.StartsWith("catalog_mountpoint:", StringComparison.Ordinal) && line.TrimEnd().EndsWith($"/{blob.Hex}/layerfs", StringComparison.Ordinal);
            string[] words = line.Split(',');
            if (words is ["dir" or "regular" or "symlink", var number] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long value))
            {
                sum += value;
            }
        }

        return own ? sum : null;
    }

    /// <summary>The image as a repository remembers it: manifest, and the configuration where it is kept; without one nothing is known of environment and command.</summary>
    private async Task<Wanted?> RememberedAsync(ImageReference.InRegistry reference, List<Place> places, ImageSearch search, CancellationToken ct)
    {
        foreach (Place place in places)
        {
            ProbeReply reply = await AskAsync(place, ProbeKind.Manifest, [place.Top, .. CvmfsNames.Of(reference, search.Platform)], search, ct);
            if (reply["manifest"].Length == 0)
            {
                continue;
            }

            try
            {
                CvmfsImageMetadata metadata = ManifestReader.ReadCvmfsMetadata(Encoding.UTF8.GetBytes(reply["manifest"]), reply["name"]);
                ProbeReply config = await AskAsync(place, ProbeKind.Configuration, [place.Top, metadata.Config.Digest.Hex], search, ct);
                byte[] bytes = Encoding.UTF8.GetBytes(config["config"]);
                bool kept = bytes.Length > 0 && Digest.Of(bytes) == metadata.Config.Digest;
                ImageConfig known = kept ? ImageConfigReader.Read(bytes, reply["name"]) : new ImageConfig { Platform = search.Platform };
                return new Wanted(metadata.Layers, known, metadata.Config.Digest, Verification.Unverified);
            }
            catch (GridWrapperException)
            {
                // What the repository remembers is not usable; another one may know better.
                continue;
            }
        }

        return null;
    }

    private async Task<ProbeReply> AskAsync(Place place, string kind, ImmutableArray<string> arguments, ImageSearch search, CancellationToken ct)
    {
        TimeSpan deadline = TimeSpan.FromSeconds(search.Site.Cvmfs.StepSeconds);
        return await children.AskAsync(
            new ProbeQuestion { Kind = kind, Arguments = arguments, FirstDeadline = deadline, StepDeadline = deadline, Repository = place.Repository }, ct);
    }

    /// <summary>The image as far as it is known before its layers are looked for; no diffIDs where only CVMFS could tell them.</summary>
    private sealed record Wanted(ImmutableArray<Descriptor> Layers, ImageConfig Config, Digest ConfigDigest, Verification Verification);

    /// <summary>Where images lie.</summary>
    /// <param name="Name">As the profile names it.</param>
    /// <param name="Top">Absolute path of the directory that holds .layers.</param>
    /// <param name="Repository">Absolute path of the repository, for the gate.</param>
    private sealed record Place(string Name, string Top, string Repository);
}
