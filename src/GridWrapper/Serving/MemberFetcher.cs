using GridWrapper.Diagnostics;

namespace GridWrapper.Serving;

/// <summary>Asks for bytes of a blob until they come: a registry that has gone away is waited for, with a word about it now and then, as long as the patience lasts.</summary>
internal sealed class MemberFetcher(string name, IRangeSource ranges, LazyTraffic traffic) : IDisposable
{
    private static readonly RoomLog Log = new(nameof(MemberFetcher));
    private readonly LazyOptions _options = traffic.Options;
    private Exception? _last;
    private long _lastAt;

    public void Dispose() => ranges.Dispose();

    /// <param name="into">Filled to the end.</param>
    /// <param name="from">Where in the blob.</param>
    /// <param name="run">Who waits for it, and since when. Where nobody does, there is no end of patience.</param>
    /// <returns>Where it came from.</returns>
    internal async Task<string> FillAsync(Memory<byte> into, long from, IReadOnlyList<MemberFetch> run, CancellationToken ct)
    {
        FailAtOnce(run);
        long began = _options.Clock.GetTimestamp();
        TimeSpan delay = _options.FirstDelay;
        while (true)
        {
            try
            {
                string place = await ranges.FillAsync(into, from, ct);
                traffic.AddRequest(into.Length);
                Volatile.Write(ref _last, null);
                if (traffic.TakeHeart())
                {
                    Log.Warn("layer {Layer} can be fetched again", name);
                }

                return place;
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                TimeSpan waited = Waited(run, began);
                if (waited >= _options.Patience || (waited > TimeSpan.Zero && traffic.HasGivenUp))
                {
                    traffic.GiveUp();
                    Volatile.Write(ref _lastAt, _options.Clock.GetTimestamp());
                    Volatile.Write(ref _last, e);
                    traffic.Failed($"layer {name} cannot be fetched: {e.Message}", waited);
                    throw;
                }

                Tell(e, waited);
            }

            await Task.Delay(delay * (0.5 + (_options.Random.NextDouble() / 2)), _options.Clock, ct);
            delay = delay * 2 < _options.LongestDelay ? delay * 2 : _options.LongestDelay;
        }
    }

    /// <summary>Patience is for the whole image, not for each of its reads: once it is at its end, and the registry was asked a moment ago, a read is told so without asking again.</summary>
    private void FailAtOnce(IReadOnlyList<MemberFetch> run)
    {
        if (Volatile.Read(ref _last) is { } last && traffic.HasGivenUp && run.Any(fetch => fetch.WantedSince > 0) && _options.Clock.GetElapsedTime(Volatile.Read(ref _lastAt)) < _options.Rest)
        {
            traffic.Failed($"layer {name} cannot be fetched: {last.Message}", TimeSpan.Zero);
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(last);
        }
    }

    /// <summary>What came from a place is wrong.</summary>
    /// <returns>True where there is no other place to ask.</returns>
    internal bool IsLast(string place)
    {
        Log.Warn("{Place} sent wrong bytes for layer {Layer}: nothing of them is used", place, name);
        return !ranges.PassOver(place);
    }

    internal void GiveUp(in Member member) => traffic.Failed($"the bytes {member.Offset} to {member.End - 1} of layer {name} come wrong from everywhere; the registry's operators, or those of a proxy in between, should know", TimeSpan.Zero);

    private void Tell(Exception e, TimeSpan waited)
    {
        if (waited > TimeSpan.Zero)
        {
            traffic.StillWaiting($"layer {name} cannot be fetched: {e.Message}", waited);
        }
        else
        {
            Log.Info("layer {Layer} cannot be fetched, nobody waits for it yet: {Reason}", name, e.Message);
        }
    }

    private TimeSpan Waited(IReadOnlyList<MemberFetch> run, long began)
    {
        TimeSpan longest = TimeSpan.Zero;
        foreach (MemberFetch fetch in run)
        {
            if (fetch.WantedSince > 0)
            {
                TimeSpan waited = _options.Clock.GetElapsedTime(Math.Max(began, fetch.WantedSince));
                longest = waited > longest ? waited : longest;
            }
        }

        return longest;
    }
}
