using System.Net;
using System.Net.Http;
using System.Security.Authentication;
using GridWrapper.Diagnostics;

namespace GridWrapper.Staging;

/// <summary>What a storage's answers mean.</summary>
internal static class WebAnswer
{
    private const int ExcerptCharacters = 160;

    /// <summary>The checksum in a Digest header (RFC 3230), preferably adler32; null where it states none.</summary>
    internal static FileChecksum? Digest(HttpResponseMessage answer)
    {
        IEnumerable<string> values = answer.Headers.TryGetValues("Digest", out IEnumerable<string>? own) ? own : answer.Content.Headers.TryGetValues("Digest", out IEnumerable<string>? ofBody) ? ofBody : [];
        FileChecksum?[] stated = [.. values.SelectMany(v => v.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Select(ReadDigest)];
        return stated.FirstOrDefault(c => c?.Kind == "adler32") ?? stated.FirstOrDefault(c => c is not null);
    }

    /// <summary>The failure that an answer stands for.</summary>
    internal static async Task<StorageException> FaultAsync(HttpResponseMessage answer, WebRequest request, string credentials, CancellationToken ct)
    {
        int status = (int)answer.StatusCode;
        Uri asked = answer.RequestMessage?.RequestUri ?? request.Url;
        string excerpt = await ExcerptAsync(answer, ct);
        StorageTrouble trouble = Trouble(status);
        string why = trouble == StorageTrouble.Denied ? $" ({credentials})" : "";
        return new StorageException(trouble, string.Create(CultureInfo.InvariantCulture, $"{WebRules.Redact(asked)} answered {status} to {request.Method}{excerpt}{why}"))
        {
            RetryAfter = answer.Headers.RetryAfter?.Delta,
        };
    }

    /// <summary>The failure that an exception of the transport stands for.</summary>
    internal static StorageException Fault(Exception e, Uri url)
    {
        string place = WebRules.Redact(url);
        string text = ExceptionCauses.Text(e);
        if (ExceptionCauses.Of(e).OfType<AuthenticationException>().Any())
        {
            return new StorageException(StorageTrouble.Unusable, $"{place}: no TLS connection that can be trusted: {text}", e);
        }

        bool none = e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError };
        return none
            ? new StorageException(StorageTrouble.Unreachable, $"{place} cannot be reached: {text}", e)
            : new StorageException(StorageTrouble.Broken, $"the connection to {place} broke off: {text}", e);
    }

    private static StorageTrouble Trouble(int status) => status switch
    {
        401 or 403 => StorageTrouble.Denied,
        404 or 410 => StorageTrouble.Absent,
        412 => StorageTrouble.Taken,
        413 or 507 => StorageTrouble.Full,
        408 or 416 or 423 or 425 or 429 => StorageTrouble.Broken,
        501 => StorageTrouble.Unusable,
        >= 500 => StorageTrouble.Broken,
        _ => StorageTrouble.Unusable,
    };

    /// <summary>adler32 in hex digits, the hashes in base64, as servers write them.</summary>
    private static FileChecksum? ReadDigest(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        string kind = text[..Math.Max(equals, 0)].ToUpperInvariant();
        string value = text[(equals + 1)..];
        if (kind is "ADLER32" or "AD")
        {
            return FileChecksum.Parse("adler32:" + value);
        }

        Span<byte> bytes = stackalloc byte[48];
        return (kind, Convert.TryFromBase64String(value, bytes, out int count), count) switch
        {
            ("MD5", true, 16) => new FileChecksum("md5", Convert.ToHexStringLower(bytes[..16])),
            ("SHA-256", true, 32) => new FileChecksum("sha256", Convert.ToHexStringLower(bytes[..32])),
            _ => null,
        };
    }

    /// <summary>The server's own words where they are plain and short.</summary>
    private static async Task<string> ExcerptAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        if (answer.Content.Headers.ContentLength is not (> 0 and < 4096) || answer.RequestMessage?.Method == HttpMethod.Head)
        {
            return answer.StatusCode == HttpStatusCode.InsufficientStorage ? " (no space left there)" : "";
        }

        try
        {
            string text = string.Join(' ', (await answer.Content.ReadAsStringAsync(ct)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
            string? token = answer.RequestMessage?.Headers.Authorization?.Parameter;
            bool plain = text.Length > 0 && !text.Contains('<', StringComparison.Ordinal) && (token is null || !text.Contains(token, StringComparison.Ordinal));
            return plain ? $": {(text.Length <= ExcerptCharacters ? text : text[..ExcerptCharacters] + "…")}" : "";
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return "";
        }
    }
}
