using System.Collections.Concurrent;
using GridWrapper.Images;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>Manifests and blobs of the loopback registry, and the answers made of them (OCI distribution-spec, pull).</summary>
internal sealed class RegistryContent
{
    private readonly ConcurrentDictionary<(string Repository, string Reference), MiniatureBlob> _manifests = new();
    private readonly ConcurrentDictionary<(string Repository, string Digest), MiniatureBlob> _blobs = new();

    internal void AddManifest(string repository, string? tag, MiniatureBlob manifest)
    {
        _manifests[(repository, manifest.Digest.ToString())] = manifest;
        if (tag is not null)
        {
            _manifests[(repository, tag)] = manifest;
        }
    }

    internal void AddBlob(string repository, MiniatureBlob blob) => _blobs[(repository, blob.Digest.ToString())] = blob;

    /// <summary>Answers a manifest request; like the reference registry it looks at Accept and does not convert.</summary>
    internal RegistryAnswer Manifest(string repository, string reference, string? accept)
    {
        if (!_manifests.TryGetValue((repository, reference), out MiniatureBlob? manifest))
        {
            return Knows(repository)
                ? RegistryAnswer.Error(404, "MANIFEST_UNKNOWN", $"manifest unknown: {reference}")
                : RegistryAnswer.Error(404, "NAME_UNKNOWN", $"repository name not known to registry: {repository}");
        }

        return Accepts(accept, manifest.MediaType)
            ? Content(manifest) with { ContentType = manifest.MediaType }
            : RegistryAnswer.Error(404, "MANIFEST_UNKNOWN", $"the manifest is {manifest.MediaType}, which the Accept header does not list: {accept}");
    }

    /// <summary>Answers a blob request, with one range if asked for.</summary>
    internal RegistryAnswer Blob(string repository, string digest, string? range)
    {
        if (!Digest.TryParse(digest, out _))
        {
            return RegistryAnswer.Error(400, "DIGEST_INVALID", $"not a digest: {digest}");
        }

        if (!_blobs.TryGetValue((repository, digest), out MiniatureBlob? blob))
        {
            return RegistryAnswer.Error(404, "BLOB_UNKNOWN", $"blob unknown to registry: {digest}");
        }

        RegistryAnswer whole = Content(blob) with { ContentType = "application/octet-stream" };
        return range is null ? whole : Part(whole, range);
    }

    internal RegistryAnswer Tags(string repository) => Knows(repository)
        ? RegistryAnswer.Json(new JObject
        {
            ["name"] = repository,
            ["tags"] = new JArray(_manifests.Keys.Where(k => k.Repository == repository && !k.Reference.Contains(':', StringComparison.Ordinal))
                .Select(k => k.Reference).Order(StringComparer.Ordinal)),
        })
        : RegistryAnswer.Error(404, "NAME_UNKNOWN", $"repository name not known to registry: {repository}");

    private bool Knows(string repository) => _manifests.Keys.Any(k => k.Repository == repository);

    /// <summary>
    /// HttpListener keeps only the last of repeated header lines, and Go clients send a line for each type: a single type is taken for the rest of a list.
    /// </summary>
    private static bool Accepts(string? accept, string mediaType)
    {
        string[] types = [.. (accept ?? "").Split(',').Select(a => a.Split(';')[0].Trim())];
        return types.Length == 1 || types.Contains(mediaType) || types.Contains("*/*") || types.Contains("application/*");
    }

    private static RegistryAnswer Content(MiniatureBlob blob) => new()
    {
        Status = 200,
        Body = blob.Content,
        Headers = [("Docker-Content-Digest", blob.Digest.ToString()), ("Accept-Ranges", "bytes"), ("ETag", $"\"{blob.Digest}\"")],
    };

    private static RegistryAnswer Part(RegistryAnswer whole, string range)
    {
        long size = whole.Body.Length;
        if (ReadRange(range, size) is not { } part)
        {
            return RegistryAnswer.Error(416, "RANGE_INVALID", $"cannot serve {range} of {size} bytes", ("Content-Range", $"bytes */{size}"));
        }

        return whole with
        {
            Status = 206,
            Body = whole.Body.Slice((int)part.First, (int)(part.Last - part.First + 1)),
            Headers = whole.Headers.Add(("Content-Range", $"bytes {part.First}-{part.Last}/{size}")),
        };
    }

    /// <summary>One range of RFC 9110 §14.1.2: "bytes=A-B", "bytes=A-" or "bytes=-N".</summary>
    private static (long First, long Last)? ReadRange(string range, long size)
    {
        const string Unit = "bytes=";
        string[] ends = range.StartsWith(Unit, StringComparison.Ordinal) ? range[Unit.Length..].Split('-') : [];
        if (ends.Length != 2)
        {
            return null;
        }

        bool hasFirst = TryNumber(ends[0], out long first), hasLast = TryNumber(ends[1], out long last);
        return (hasFirst, hasLast) switch
        {
            (true, true) when first <= last && first < size => (first, Math.Min(last, size - 1)),
            (true, false) when ends[1].Length == 0 && first < size => (first, size - 1),
            (false, true) when ends[0].Length == 0 && last > 0 => (Math.Max(0, size - last), size - 1),
            _ => null,
        };
    }

    private static bool TryNumber(string text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
