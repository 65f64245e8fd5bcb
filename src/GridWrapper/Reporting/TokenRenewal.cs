using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>
/// Renews the bearer token before it ends, by the key that the site gave out beside it (PANDA_AUTH_TOKEN_KEY), as the pilot does: the new one takes the old one's place on disk.
/// A renewal that fails is a warning and nothing more while the old token lives.
/// </summary>
internal sealed class TokenRenewal(TokenSource.InFile token, string keyFile, TimeProvider time) : IDisposable
{
    /// <summary>The name under which the server keeps the pilots' tokens.</summary>
    internal const string ClientName = "pilot_server";

    /// <summary>Between a renewal that failed and the next.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(5);

    private static readonly RoomLog Log = new(nameof(TokenRenewal));

    private readonly SemaphoreSlim _one = new(1, 1);
    private DateTimeOffset _notBefore = DateTimeOffset.MinValue;

    /// <param name="fetch">Asks for a new token, given the client's name and the key.</param>
    /// <param name="ct">Gives up.</param>
    internal async Task IfNeededAsync(Func<string, string, CancellationToken, Task<string>> fetch, CancellationToken ct)
    {
        if (!IsNeeded() || !await _one.WaitAsync(0, ct))
        {
            return;
        }

        try
        {
            await RenewAsync(fetch, ct);
        }
        catch (Exception e) when (e is GridWrapperException or IOException or UnauthorizedAccessException)
        {
            _notBefore = time.GetUtcNow() + Pause;
            Log.Warn("the bearer token {Token} could not be renewed by the key {Key}: {Message}. It is used as long as it lives", token, keyFile, e is GridWrapperException ? e.Message : FileTrouble.Describe(e));
        }
        finally
        {
            _ = _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private bool IsNeeded()
    {
        DateTimeOffset now = time.GetUtcNow();
        try
        {
            return now >= _notBefore && TokenLife.Of(token.Read())?.IsNearItsEnd(now) == true;
        }
        catch (GridWrapperException e)
        {
            // The call that needs it says so.
            Log.Debug("the token's end is not known: {Message}", e.Message);
            return false;
        }
    }

    private async Task RenewAsync(Func<string, string, CancellationToken, Task<string>> fetch, CancellationToken ct)
    {
        string old = token.Read();
        string key = (await File.ReadAllTextAsync(keyFile, ct)).Trim();
        string fresh = await fetch(ClientName, key, ct);
        if (fresh.Any(static c => char.IsWhiteSpace(c) || char.IsControl(c)) || TokenLife.Of(fresh) is not { } life || life.Ends <= (TokenLife.Of(old)?.Ends ?? DateTimeOffset.MinValue))
        {
            throw CredentialFault.Of("renew-token", "what the server gave is no token, or none that lives longer than the old one");
        }

        token.Replace(old, fresh);
        Log.Info("the bearer token {Token} was renewed; it ends at {Ends}", token, life.Ends.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));
    }
}
