using GridWrapper.Diagnostics;
using GridWrapper.Sites;

namespace GridWrapper.Staging;

/// <summary>How often and after which pauses a transfer is tried at one address: pauses double, up to a minute, with jitter.</summary>
internal sealed class StorageRetries(StoragePolicy policy, TimeProvider time, Random random)
{
    private static readonly RoomLog Log = new(nameof(StorageRetries));
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    /// <exception cref="StorageException">The last failure.</exception>
    internal async Task RunAsync(string what, Func<CancellationToken, Task> attempt, CancellationToken ct)
    {
        for (int tried = 1; ; tried++)
        {
            try
            {
                await attempt(ct);
                return;
            }
            catch (StorageException e) when (e.MayPass && tried < policy.Tries)
            {
                TimeSpan pause = Pause(tried, e.RetryAfter);
                Log.Warn("{What}, try {Number}: {Trouble}; again in {Seconds:0.#} s", what, tried, e.Message, pause.TotalSeconds);
                await Task.Delay(pause, time, ct);
            }
        }
    }

    private TimeSpan Pause(int tried, TimeSpan? asked)
    {
        double seconds = policy.PauseSeconds * Math.Pow(2, tried - 1) * (0.5 + random.NextDouble());
        TimeSpan own = TimeSpan.FromSeconds(Math.Min(seconds, LongestPause.TotalSeconds));
        return asked > own ? (asked < LongestPause ? asked.Value : LongestPause) : own;
    }
}
