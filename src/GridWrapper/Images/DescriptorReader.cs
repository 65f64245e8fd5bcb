using GridWrapper.Diagnostics;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Images;

/// <summary>JSON objects of manifests to <see cref="Descriptor"/>; every fault is added to the list, with the place it was found at.</summary>
internal sealed class DescriptorReader(List<string> faults, StringComparison keys)
{
    /// <summary>
    /// Bytes; no single blob of an image is near this (1 TiB), and with at most <see cref="ManifestReader.MaxLayers"/> of them no sum of sizes can overflow.
    /// </summary>
    internal const long MaxBlobBytes = 1L << 40;

    internal JToken? Get(JObject parent, string key) => parent.GetValue(key, keys) is { Type: not JTokenType.Null } value ? value : null;

    /// <summary>A string member; null if absent; a fault if it is something else.</summary>
    internal string? GetString(JObject parent, string key, string place)
    {
        JToken? value = Get(parent, key);
        if (value is null || value.Type == JTokenType.String)
        {
            return (string?)value;
        }

        faults.Add($"{place}.{key} is {Name(value)}, not a string");
        return null;
    }

    /// <summary>The members of an array, each an object; null (and a fault) if it is anything else or longer than the limit.</summary>
    internal ImmutableArray<Descriptor>? ReadAll(JObject root, string key, int maxCount)
    {
        if (Get(root, key) is not JArray array)
        {
            faults.Add(Get(root, key) is { } other ? $"{key} is {Name(other)}, not an array" : $"there is no {key}");
            return null;
        }

        if (array.Count > maxCount)
        {
            faults.Add($"{key} has {array.Count} entries; at most {maxCount} are supported");
            return null;
        }

        ImmutableArray<Descriptor>.Builder all = ImmutableArray.CreateBuilder<Descriptor>(array.Count);
        for (int i = 0; i < array.Count; i++)
        {
            if (Read(array[i], $"{key}[{i}]") is { } descriptor)
            {
                all.Add(descriptor);
            }
        }

        return all.ToImmutable();
    }

    internal Descriptor? Read(JToken? token, string place)
    {
        if (token is not JObject entry)
        {
            faults.Add(token is null ? $"there is no {place}" : $"{place} is {Name(token)}, not an object");
            return null;
        }

        string? mediaType = GetString(entry, "mediaType", place);
        if (string.IsNullOrEmpty(mediaType))
        {
            faults.Add($"{place} has no mediaType");
        }

        Digest? digest = ReadDigest(entry, place);
        long? size = ReadSize(entry, place);
        ImmutableArray<string> urls = ReadUrls(entry, place);
        if (string.IsNullOrEmpty(mediaType) || digest is null || size is null)
        {
            return null;
        }

        return new Descriptor(mediaType, digest, size.Value)
        {
            Platform = ReadPlatform(entry, place),
            Urls = urls,
            ArtifactType = GetString(entry, "artifactType", place),
            Annotations = ReadAnnotations(entry),
        };
    }

    private Digest? ReadDigest(JObject entry, string place)
    {
        string? text = GetString(entry, "digest", place);
        if (Digest.TryParse(text, out Digest? digest))
        {
            return digest;
        }

        faults.Add(text is null
            ? $"{place} has no digest"
            : $"{place} has the digest {Quoted.Text(text)}; only sha256: with 64 lower-case hex digits is supported");
        return null;
    }

    private long? ReadSize(JObject entry, string place)
    {
        JToken? value = Get(entry, "size");
        if (value is { Type: JTokenType.Integer } && ((JValue)value).Value is long size and >= 0 and <= MaxBlobBytes)
        {
            return size;
        }

        faults.Add(value is null
            ? $"{place} has no size"
            : $"{place} has the size {Quoted.Clean(value.ToString())}; a number of bytes from 0 to {MaxBlobBytes} is needed");
        return null;
    }

    private ImmutableArray<string> ReadUrls(JObject entry, string place)
    {
        JToken? value = Get(entry, "urls");
        if (value is null)
        {
            return [];
        }

        if (value is JArray array && array.All(url => url.Type == JTokenType.String))
        {
            return [.. array.Select(url => (string)url!)];
        }

        faults.Add($"{place}.urls is not a list of strings");
        return [];
    }

    private Platform? ReadPlatform(JObject entry, string place)
    {
        if (Get(entry, "platform") is not JObject platform)
        {
            return null;
        }

        string where = place + ".platform";
        string? variant = GetString(platform, "variant", where);
        return new Platform(
            GetString(platform, "os", where) ?? "unknown",
            GetString(platform, "architecture", where) ?? "unknown",
            string.IsNullOrEmpty(variant) ? null : variant);
    }

    private ImmutableDictionary<string, string> ReadAnnotations(JObject entry) =>
        Get(entry, "annotations") is not JObject annotations
            ? ImmutableDictionary<string, string>.Empty
            : annotations.Properties()
                .Where(annotation => annotation.Value.Type == JTokenType.String)
                .ToImmutableDictionary(annotation => annotation.Name, annotation => (string)annotation.Value!, StringComparer.Ordinal);

    /// <summary>What a JSON value is, with its article.</summary>
    internal static string Name(JToken token) => token.Type switch
    {
        JTokenType.Object => "an object",
        JTokenType.Array => "an array",
        JTokenType.String => "a string",
        JTokenType.Integer or JTokenType.Float => "a number",
        JTokenType.Boolean => "a boolean",
        JTokenType.Null => "null",
        _ => "of another kind",
    };
}
