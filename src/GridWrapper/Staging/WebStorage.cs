using System.Net;
using System.Net.Http;
using GridWrapper.Diagnostics;
using GridWrapper.Outputs;

namespace GridWrapper.Staging;

/// <summary>
/// Files by HTTP and WebDAV. A file is delivered when the server's checksum of it is the right one: asked for by Want-Digest, or, of a server that states none,
/// found by reading the file again.
/// </summary>
internal sealed class WebStorage(WebTransport transport, StorageRetries retries, StorageContext context) : IStorage
{
    private static readonly RoomLog Log = new(nameof(WebStorage));

    /// <summary>After a failure, also of the caller's patience, what was half written is removed within this time.</summary>
    private static readonly TimeSpan CleanUp = TimeSpan.FromSeconds(10);

    /// <summary>Places that this run began to write to: what stands there is its own.</summary>
    private readonly HashSet<string> _begun = new(StringComparer.Ordinal);

    /// <summary>Downloads that broke off: each remembers which version of the file its beginning is of.</summary>
    private readonly Dictionary<(string Place, string Target), WebReader> _reading = [];

    public Task<string?> RefusalAsync(CancellationToken ct) => Task.FromResult<string?>(null);

    public async Task DeliverAsync(OutputFile file, string place, CancellationToken ct)
    {
        Uri url = new(place);
        FileSum wanted = new(file.SizeBytes, file.Adler32);
        if (await LookAsync(url, wanted, ct) is { } standing)
        {
            if (standing == wanted)
            {
                return;
            }

            await ClearAsync(url, place, ct);
        }

        _begun.Add(place);
        try
        {
            await PutAsync(file, url, ct);
            FileSum? arrived = await LookAsync(url, wanted, ct);
            if (arrived != wanted)
            {
                throw Differs(url, wanted, arrived);
            }
        }
        catch (Exception e) when (e is StorageException { Trouble: not (StorageTrouble.Denied or StorageTrouble.Taken or StorageTrouble.Unreachable) } or OperationCanceledException)
        {
            await DiscardAsync(url);
            throw;
        }
    }

    public async Task<FileChecksum?> FetchAsync(string place, string target, CancellationToken ct)
    {
        using FileSink sink = new(target);
        using StallGuard guard = context.Guard(0, ct);
        if (!_reading.TryGetValue((place, target), out WebReader? reader))
        {
            _reading[(place, target)] = reader = new WebReader(transport, new Uri(place));
        }

        await reader.ReadAsync(sink, guard);
        _reading.Remove((place, target));
        return reader.Stated;
    }

    private static StorageException Differs(Uri url, FileSum wanted, FileSum? arrived) => new(
        StorageTrouble.Mismatch,
        arrived is { } sum
            ? $"{WebRules.Redact(url)} has {sum.SizeBytes} bytes and checksum {sum.Adler32}, the file {wanted.SizeBytes} bytes and {wanted.Adler32}"
            : $"{WebRules.Redact(url)} is not there after it was sent");

    /// <summary>Something else stands there. It goes only if it is what an earlier try of this run left.</summary>
    private async Task ClearAsync(Uri url, string place, CancellationToken ct)
    {
        if (!_begun.Contains(place))
        {
            throw new StorageException(StorageTrouble.Taken, $"something else stands at {WebRules.Redact(url)} already");
        }

        using StallGuard guard = context.Guard(0, ct);
        WebRequest request = new("DELETE", url);
        using HttpResponseMessage answer = await transport.SendAsync(request, guard);
        if (!answer.IsSuccessStatusCode && answer.StatusCode != HttpStatusCode.NotFound)
        {
            throw await transport.FaultAsync(answer, request, guard);
        }
    }

    private async Task PutAsync(OutputFile file, Uri url, CancellationToken ct)
    {
        using StallGuard guard = context.Guard(file.SizeBytes, ct);
        WebRequest request = new("PUT", url) { Body = () => new FileBody(file.Path, file.SizeBytes, guard), OnlyNew = true };
        using HttpResponseMessage answer = await transport.SendAsync(request, guard);
        if (answer.IsSuccessStatusCode)
        {
            return;
        }

        if (answer.StatusCode is not (HttpStatusCode.Conflict or HttpStatusCode.NotFound))
        {
            throw await transport.FaultAsync(answer, request, guard);
        }

        await MakeCollectionAsync(new Uri(url, "."), guard);
        using HttpResponseMessage second = await transport.SendAsync(request, guard);
        if (!second.IsSuccessStatusCode)
        {
            throw await transport.FaultAsync(second, request, guard);
        }
    }

    /// <summary>Makes a directory, after those above it where they are missing too.</summary>
    private async Task MakeCollectionAsync(Uri directory, StallGuard guard)
    {
        WebRequest request = new("MKCOL", directory);
        using HttpResponseMessage answer = await transport.SendAsync(request, guard);
        if (answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.MethodNotAllowed)
        {
            // 405 is how WebDAV says that it is there already.
            return;
        }

        Uri above = new(directory, "..");
        if (answer.StatusCode is not (HttpStatusCode.Conflict or HttpStatusCode.NotFound) || above == directory)
        {
            throw await transport.FaultAsync(answer, request, guard);
        }

        await MakeCollectionAsync(above, guard);
        using HttpResponseMessage second = await transport.SendAsync(request, guard);
        if (!second.IsSuccessStatusCode && second.StatusCode != HttpStatusCode.MethodNotAllowed)
        {
            throw await transport.FaultAsync(second, request, guard);
        }
    }

    /// <summary>Size and checksum of what stands there, null for nothing. The file is read only where its size is right and the server states no adler32.</summary>
    private async Task<FileSum?> LookAsync(Uri url, FileSum wanted, CancellationToken ct)
    {
        using StallGuard guard = context.Guard(wanted.SizeBytes, ct);
        WebRequest request = new("HEAD", url) { WantDigest = "adler32" };
        using HttpResponseMessage answer = await transport.SendAskingAsync(request, guard);
        if (answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
        {
            return null;
        }

        if (!answer.IsSuccessStatusCode)
        {
            throw await transport.FaultAsync(answer, request, guard);
        }

        FileChecksum? stated = WebAnswer.Digest(answer);
        if (answer.Content.Headers.ContentLength is { } size && (size != wanted.SizeBytes || stated?.Kind == "adler32"))
        {
            return new FileSum(size, stated is { Kind: "adler32" } sum ? sum.Value : "unknown");
        }

        return await ReadAgainAsync(url, ct);
    }

    private async Task<FileSum> ReadAgainAsync(Uri url, CancellationToken ct)
    {
        SumSink sink = new();
        WebReader reader = new(transport, url);
        await retries.RunAsync(
            $"reading {WebRules.Redact(url)} again",
            async token =>
            {
                using StallGuard guard = context.Guard(0, token);
                await reader.ReadAsync(sink, guard);
            },
            ct);
        return sink.Sum;
    }

    /// <summary>As good as it goes: the failure that led here is the one to be told.</summary>
    private async Task DiscardAsync(Uri url)
    {
        using CancellationTokenSource limit = new(CleanUp, context.Time);
        using StallGuard guard = context.Guard(0, limit.Token);
        try
        {
            using HttpResponseMessage answer = await transport.SendAsync(new WebRequest("DELETE", url), guard);
            Log.Info("removed what was half written at {Url}: {Status}", WebRules.Redact(url), (int)answer.StatusCode);
        }
        catch (Exception e) when (e is StorageException or OperationCanceledException)
        {
            Log.Warn("what was half written at {Url} could not be removed: {Message}", WebRules.Redact(url), e.Message);
        }
    }
}
