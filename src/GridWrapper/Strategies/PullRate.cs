using GridWrapper.Diagnostics;

namespace GridWrapper.Strategies;

/// <summary>
/// How fast layers came into this cache, transfer and unpacking (or packing) together: one number in a file of the cache, so that the next plan on this node predicts with it.
/// </summary>
internal static class PullRate
{
    /// <summary>Of layers that are unpacked.</summary>
    internal const string Unpacking = "pull-rate";

    /// <summary>Of layers that are kept packed.</summary>
    internal const string Packing = "packed-rate";

    private static readonly RoomLog Log = new(nameof(PullRate));

    /// <summary>Smaller pulls say more of round trips than of rates.</summary>
    private const long LeastBytes = 4_000_000;

    /// <summary>How much the newest pull counts.</summary>
    private const double Weight = 0.3;

    internal static double? Read(string cacheDirectory, string kind = Unpacking)
    {
        string path = Path.Combine(cacheDirectory, kind);
        return File.Exists(path) && double.TryParse(File.ReadAllText(path), NumberStyles.Float, CultureInfo.InvariantCulture, out double rate) && rate > 0 ? rate : null;
    }

    /// <summary>Notes what one pull came to. A cache that cannot be written to keeps what it has.</summary>
    internal static void Note(string cacheDirectory, long bytes, TimeSpan took, string kind = Unpacking)
    {
        if (bytes < LeastBytes || took <= TimeSpan.Zero)
        {
            return;
        }

        double now = bytes / took.TotalSeconds;
        double rate = Read(cacheDirectory, kind) is { } before ? (Weight * now) + ((1 - Weight) * before) : now;
        string work = new Layers.CacheDirectory(cacheDirectory).Temporary($"{kind}-{Guid.NewGuid():N}");
        try
        {
            File.WriteAllText(work, rate.ToString("R", CultureInfo.InvariantCulture));
            File.Move(work, Path.Combine(cacheDirectory, kind), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.Debug("the rate of this pull was not noted: {Reason}", e.Message);
        }
    }
}
