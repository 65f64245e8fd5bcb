using GridWrapper.Diagnostics;


namespace GridWrapper.Watching;

/// <summary>Looks through the job directory and the private /tmp from time to time, beside everything else, because a file system may hang.</summary>
internal sealed class DirectoryWatch(WatchOptions options, TimeProvider time)
{
    /// <summary>A walk that takes long is followed by a rest so long that walking costs at most a hundredth of one core.</summary>
    private const double Rest = 100;

    private static readonly RoomLog Log = new(nameof(DirectoryWatch));

    private readonly DateTimeOffset _startedAt = time.GetUtcNow();
    private Task _walk = Task.CompletedTask;
    private volatile DirectoryUse? _found;
    private TimeSpan _next = options.DirectoryInterval;
    private double _walkSeconds;

    /// <summary>Largest size seen, null where nothing was looked through.</summary>
    internal long? MostBytes { get; private set; }

    /// <summary>Judges the walk that ended, and starts one that is due.</summary>
    /// <param name="now">Since the payload's start.</param>
    /// <param name="ct">Ends a walk.</param>
    internal LimitBreach? Look(TimeSpan now, CancellationToken ct)
    {
        if (!options.Limits.NeedDirectories || !_walk.IsCompleted)
        {
            return null;
        }

        LimitBreach? breach = _found is { } use ? Judge(use) : null;
        _found = null;
        if (now >= _next)
        {
            _walk = Task.Run(() => Walk(ct), CancellationToken.None);
            _next = now + TimeSpan.FromSeconds(Math.Max(options.DirectoryInterval.TotalSeconds, _walkSeconds * Rest));
        }

        return breach;
    }

    private LimitBreach? Judge(DirectoryUse use)
    {
        MostBytes = Math.Max(MostBytes ?? 0, use.Bytes);
        double newest = Math.Max(use.NewestSeconds, Seconds(_startedAt));
        return LimitJudge.Judge(options.Limits, use) ?? LimitJudge.Judge(options.Limits, Seconds(time.GetUtcNow()) - newest);
    }

    private void Walk(CancellationToken ct)
    {
        long began = time.GetTimestamp();
        try
        {
            _found = DirectoryUse.Walk(options.JobDirectory, options.ScratchDirectory, ct);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            Log.Debug("the job directory could not be looked through: {Message}", e.Message);
        }
        finally
        {
            _walkSeconds = time.GetElapsedTime(began).TotalSeconds;
        }
    }

    private static double Seconds(DateTimeOffset moment) => moment.ToUnixTimeMilliseconds() / 1e3;
}
