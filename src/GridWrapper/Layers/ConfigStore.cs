using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>
/// Configurations of images, some kB each, kept by digest: the jobs of a node ask the registry for each once. A convenience: whatever goes
/// wrong with the cache here, the registry is asked instead, and the cache's own troubles are told where layers go into it.
/// </summary>
/// <param name="cache">The node's cache.</param>
/// <param name="mayWrite">False for a dry run, which reads what is there and leaves nothing.</param>
/// <param name="clock">For waiting and ageing.</param>
internal sealed class ConfigStore(CacheDirectory cache, bool mayWrite, TimeProvider clock)
{
    private const string Folder = "configs";

    /// <summary>How long the jobs that start together wait for the one that asks.</summary>
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(20);

    /// <summary>One that is still wanted after so long is asked for again.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(60);

    private static readonly RoomLog Log = new(nameof(ConfigStore));

    /// <summary>The configuration's bytes, from here or from the registry. They have the digest of <paramref name="config"/>.</summary>
    internal async Task<byte[]> GetAsync(Descriptor config, Func<CancellationToken, Task<byte[]>> fetch, CancellationToken ct)
    {
        if (Read(config) is { } kept)
        {
            return kept;
        }

        using FileLock? turn = mayWrite ? await TakeTurnAsync(config, ct) : null;
        if (turn is not null && Read(config) is { } made)
        {
            return made;
        }

        byte[] bytes = await fetch(ct);
        if (turn is not null)
        {
            Keep(config, bytes);
        }

        return bytes;
    }

    private string PathOf(Descriptor config) => $"{cache.Path}/{Folder}/{config.Digest.Hex}";

    private byte[]? Read(Descriptor config)
    {
        try
        {
            byte[] bytes = File.ReadAllBytes(PathOf(config));
            return bytes.Length == config.SizeBytes && Digest.Of(bytes) == config.Digest ? bytes : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private async Task<FileLock?> TakeTurnAsync(Descriptor config, CancellationToken ct)
    {
        try
        {
            cache.Prepare();
            return await FileLock.AcquireAsync(cache.Lock("config-" + config.Digest.Hex), LockPatience, clock, ct);
        }
        catch (Exception e) when (e is IOException or Diagnostics.GridWrapperException or LinuxException or TimeoutException)
        {
            Log.Debug("the configuration {Digest} is not kept: {Reason}", config.Digest, e.Message);
            return null;
        }
    }

    private void Keep(Descriptor config, byte[] bytes)
    {
        string path = PathOf(config);
        string work = cache.Temporary("config-" + config.Digest.Hex);
        try
        {
            Directory.CreateDirectory($"{cache.Path}/{Folder}");
            File.WriteAllBytes(work, bytes);
            File.Move(work, path, overwrite: true);
            foreach (string old in Directory.EnumerateFiles($"{cache.Path}/{Folder}").Where(file => clock.GetUtcNow() - File.GetLastWriteTimeUtc(file) > Kept))
            {
                File.Delete(old);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Debug("the configuration {Digest} is not kept: {Reason}", config.Digest, e.Message);
        }
    }
}
