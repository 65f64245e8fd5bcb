using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;

namespace GridWrapper.Staging;

/// <summary>Reads one file from a web storage, going on by a range where an earlier try broke off.</summary>
internal sealed class WebReader(WebTransport transport, Uri url)
{
    private const int PieceBytes = 256 * 1024;
    private EntityTagHeaderValue? _version;

    /// <summary>The checksum that the server stated, if it did.</summary>
    internal FileChecksum? Stated { get; private set; }

    /// <summary>One try.</summary>
    /// <exception cref="StorageException">Not everything has arrived.</exception>
    internal async Task ReadAsync(IByteSink sink, StallGuard guard)
    {
        WebRequest request = new("GET", url) { From = sink.Position, Version = _version, WantDigest = "adler32" };
        using HttpResponseMessage answer = await transport.SendAskingAsync(request, guard);
        if (answer.StatusCode == HttpStatusCode.OK)
        {
            sink.Reset();
        }
        else if (answer.StatusCode != HttpStatusCode.PartialContent || answer.Content.Headers.ContentRange?.From != sink.Position || IsAnother(answer.Headers.ETag))
        {
            sink.Reset();
            throw answer.StatusCode == HttpStatusCode.PartialContent
                ? new StorageException(StorageTrouble.Broken, $"{WebRules.Redact(url)} sent another range than was asked for, or of another file")
                : await transport.FaultAsync(answer, request, guard);
        }

        _version = answer.Headers.ETag;
        Stated = WebAnswer.Digest(answer) ?? Stated;
        long? total = answer.StatusCode == HttpStatusCode.OK ? answer.Content.Headers.ContentLength : answer.Content.Headers.ContentRange?.Length;
        await CopyAsync(answer, sink, guard);
        if (total is { } promised && promised != sink.Position)
        {
            throw new StorageException(StorageTrouble.Broken, $"{WebRules.Redact(url)} sent {sink.Position} of {promised} bytes");
        }
    }

    /// <summary>Weak tags cannot be a condition of the request, but they can be compared.</summary>
    private bool IsAnother(EntityTagHeaderValue? version) => _version is not null && version is not null && version.Tag != _version.Tag;

    private async Task CopyAsync(HttpResponseMessage answer, IByteSink sink, StallGuard guard)
    {
        try
        {
            await using Stream body = await answer.Content.ReadAsStreamAsync(guard.Token);
            byte[] piece = new byte[PieceBytes];
            for (int got; (got = await body.ReadAsync(piece, guard.Token)) > 0;)
            {
                await sink.TakeAsync(piece.AsMemory(0, got), guard.Token);
                guard.Moved(got);
            }
        }
        catch (OperationCanceledException e) when (guard.Stalled)
        {
            throw new StorageException(StorageTrouble.Stalled, $"{WebRules.Redact(url)} sent too little for too long after {sink.Position} bytes", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new StorageException(StorageTrouble.Broken, $"{WebRules.Redact(url)} broke off after {sink.Position} bytes: {e.Message}", e);
        }
    }
}
