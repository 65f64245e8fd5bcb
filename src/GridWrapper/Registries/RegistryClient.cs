using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Registries;

/// <summary>The pulling half of the OCI distribution protocol. Everything it hands out has the digest it was asked for.</summary>
internal sealed class RegistryClient(HttpExchange exchange, RegistryTransport transport, Sites.RegistryPolicy policy) : IDisposable
{
    /// <summary>For blobs that are read piece by piece, all together.</summary>
    private const int MostConnections = 8;

    private readonly RegistryPlaces _places = new(policy);
    private readonly SemaphoreSlim _connections = new(MostConnections, MostConnections);

    /// <summary>Told of every blob that is opened as a stream.</summary>
    public PullProgress? Progress { get; init; }

    /// <summary>When blobs are fetched in pieces.</summary>
    public RangeSettings Ranges { get; init; } = new();

    internal TransferCounter Counter => exchange.Counter;

    public void Dispose()
    {
        _connections.Dispose();
        exchange.Dispose();
    }

    /// <summary>The manifest or index under a tag or digest, with the Content-Type it came with.</summary>
    internal Task<ServedManifest> GetManifestAsync(ImageReference.InRegistry image, CancellationToken ct)
    {
        string wanted = image.Digest?.ToString() ?? image.Tag ?? "latest";
        RegistryRequest origin = Request(image, $"manifests/{wanted}", $"the manifest of {image}", Phase.Resolve) with { Accept = MediaTypes.AcceptedManifests };
        return _places.AskAsync(origin, request => transport.AskAsync(request, (response, token) => ReadManifestAsync(request, image.Digest, response, token), ct));
    }

    /// <summary>What refers to a manifest (distribution-spec 1.1, listing referrers). A registry without that answers 404.</summary>
    internal Task<ServedManifest> GetReferrersAsync(ImageReference.InRegistry image, Digest subject, CancellationToken ct)
    {
        RegistryRequest origin = Request(image, $"referrers/{subject}", $"what refers to {subject} of {image}", Phase.Resolve) with { Accept = [MediaTypes.OciIndex] };
        return _places.AskAsync(origin, request => transport.AskAsync(request, (response, token) => ReadManifestAsync(request, null, response, token), ct));
    }

    /// <summary>A small blob as a whole.</summary>
    internal Task<byte[]> GetBlobAsync(ImageReference.InRegistry image, Descriptor blob, CancellationToken ct) =>
        GetSmallAsync(image, blob, new SmallBlob($"the configuration {blob.Digest} of {image}", ImageConfigReader.MaxBytes), ct);

    /// <inheritdoc cref="GetBlobAsync"/>
    internal Task<byte[]> GetSmallAsync(ImageReference.InRegistry image, Descriptor blob, SmallBlob kind, CancellationToken ct)
    {
        RegistryRequest origin = Request(image, $"blobs/{blob.Digest}", kind.What, Phase.Resolve);
        if (blob.SizeBytes > kind.MaxBytes)
        {
            throw RegistryFault.Strange(origin, $"it states {blob.SizeBytes} bytes, more than the {kind.MaxBytes} allowed");
        }

        return _places.AskAsync(origin, request => transport.AskAsync(request, (response, token) => ReadBlobAsync(request, blob, response, token), ct));
    }

    /// <summary>A blob as a stream that fails unless it is the right one.</summary>
    internal async Task<Stream> OpenBlobAsync(ImageReference.InRegistry image, Descriptor blob, CancellationToken ct)
    {
        RegistryRequest request = ForeignLayer.Place(blob, _places.Policy) is { } place
            ? ForeignLayer.Request(place, $"layer {blob.Digest} of {image}", _places.Policy)
            : Request(image, $"blobs/{blob.Digest}", $"layer {blob.Digest} of {image}", Phase.Materialise);
        Exception GivenUp(int times, TransferBrokenException last) => RegistryFault.Broken(request, times, last);
        PullProgress.Blob? progress = Progress?.Begin(blob);
        var plan = new ResumePlan(blob.SizeBytes, (at, token) => OpenAtAsync(request with { From = at }, blob, token), GivenUp, transport.Settings) { Progress = progress };
        Stream body = new ResumingBody(await OpenAtAsync(request, blob, ct), plan);
        if (blob.SizeBytes >= Ranges.LeastBlobBytes)
        {
            body = new RangedBody(body, new RangePlan(blob.SizeBytes, (from, to, token) => OpenPieceAsync(request with { From = from, To = to }, blob, token), GivenUp, transport.Settings.Clock) { Settings = Ranges, Progress = progress });
        }

        return new VerifiedStream(body, blob, fault => RegistryFault.WrongBytes(request, fault));
    }

    /// <summary>The parts of a blob, which nobody verifies here.</summary>
    internal BlobRanges OpenRanges(ImageReference.InRegistry image, Descriptor blob) =>
        new(_places.All(Request(image, $"blobs/{blob.Digest}", $"layer {blob.Digest} of {image}", Phase.Materialise)), blob.SizeBytes, (exchange, transport), _connections);

    /// <summary>Null where the server does not answer with the very bytes that were asked for.</summary>
    private Task<Stream?> OpenPieceAsync(RegistryRequest origin, Descriptor blob, CancellationToken ct) => _places.AskAsync(
        origin,
        request => transport.AskAsync<Stream?>(
            request,
            async (response, token) =>
            {
                ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
                if (response.StatusCode == HttpStatusCode.PartialContent && range?.From == request.From && range.To == request.To && (range.Length ?? blob.SizeBytes) == blob.SizeBytes)
                {
                    return await exchange.OpenBodyAsync(response, token);
                }

                response.Dispose();
                return null;
            },
            ct));

    private Task<Stream> OpenAtAsync(RegistryRequest origin, Descriptor blob, CancellationToken ct) =>
        _places.AskAsync(origin, request => transport.AskAsync(request, (response, token) => StartAtAsync(request, blob, response, token), ct));

    /// <summary>The body from the byte that was asked for; a server that knows no ranges sends all, and what came before is dropped.</summary>
    private async Task<Stream> StartAtAsync(RegistryRequest request, Descriptor blob, HttpResponseMessage response, CancellationToken ct)
    {
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
            return range?.From == request.From && (range.Length ?? blob.SizeBytes) == blob.SizeBytes
                ? await exchange.OpenBodyAsync(response, ct)
                : throw RegistryFault.Strange(request, $"asked for the bytes from {request.From} on, it sends '{range}' of {blob.SizeBytes}");
        }

        CheckLength(request, blob, response);
        Stream body = await exchange.OpenBodyAsync(response, ct);
        byte[] dropped = new byte[request.From > 0 ? 128 * 1024 : 0];
        try
        {
            for (long left = request.From; left > 0;)
            {
                int got = await body.ReadAsync(dropped.AsMemory(0, (int)Math.Min(dropped.Length, left)), ct);
                left -= got > 0 ? got : throw new TransientRegistryException($"{request.Endpoint.Host} does not send {request.What} as far as it did before");
            }
        }
        catch (TransferBrokenException e)
        {
            throw new TransientRegistryException(e.Message, e);
        }

        return body;
    }

    private RegistryRequest Request(ImageReference.InRegistry image, string path, string what, Phase phase) => new()
    {
        Endpoint = RegistryEndpoint.For(image.Host, _places.Policy),
        Repository = image.Repository,
        Path = $"v2/{image.Repository}/{path}",
        What = what,
        Phase = phase,
    };

    private async Task<ServedManifest> ReadManifestAsync(RegistryRequest request, Digest? pinned, HttpResponseMessage response, CancellationToken ct)
    {
        string? type = response.Content.Headers.ContentType?.ToString();
        if (MediaTypes.WithoutParameters(type) == "text/html")
        {
            throw RegistryFault.Strange(request, "a web page came instead of a manifest; the host is no registry, or a proxy or log-in page answers in its place");
        }

        byte[] bytes = await exchange.ReadSmallAsync(response, ManifestReader.MaxBytes, ct)
            ?? throw RegistryFault.Strange(request, $"the answer is longer than the {ManifestReader.MaxBytes} bytes allowed for a manifest");
        Digest digest = Digest.Of(bytes);
        string? stated = response.Headers.TryGetValues("Docker-Content-Digest", out IEnumerable<string>? values) ? values.First() : null;
        if (pinned is { } wanted && wanted != digest)
        {
            throw RegistryFault.WrongBytes(request, $"the {bytes.Length} bytes that came have the digest {digest}, not the requested one");
        }

        return Digest.TryParse(stated, out Digest? header) && header != digest
            ? throw RegistryFault.WrongBytes(request, $"it states the digest {header}, but the {bytes.Length} bytes that came have {digest}")
            : new ServedManifest(bytes, type);
    }

    private async Task<byte[]> ReadBlobAsync(RegistryRequest request, Descriptor blob, HttpResponseMessage response, CancellationToken ct)
    {
        CheckLength(request, blob, response);
        byte[] bytes = await exchange.ReadSmallAsync(response, ImageConfigReader.MaxBytes, ct) ?? [];
        return bytes.Length == blob.SizeBytes && Digest.Of(bytes) == blob.Digest
            ? bytes
            : throw RegistryFault.WrongBytes(request, $"{bytes.Length} bytes with the digest {Digest.Of(bytes)} came, {blob.SizeBytes} bytes were promised");
    }

    /// <summary>A wrong length is known before a byte is read.</summary>
    private static void CheckLength(RegistryRequest request, Descriptor blob, HttpResponseMessage response)
    {
        HttpContentHeaders headers = response.Content.Headers;
        if (headers.ContentLength is { } length && length != blob.SizeBytes)
        {
            throw RegistryFault.WrongBytes(request, $"it wants to send {length} bytes of {headers.ContentType?.ToString() ?? "unnamed type"}, the manifest promises {blob.SizeBytes}");
        }
    }
}

/// <summary>A manifest's bytes, which have the digest that was asked for, and what the server calls them.</summary>
internal sealed record ServedManifest(byte[] Bytes, string? ContentType);

/// <summary>A blob that is held in memory.</summary>
/// <param name="What">For messages.</param>
internal sealed record SmallBlob(string What, int MaxBytes);
