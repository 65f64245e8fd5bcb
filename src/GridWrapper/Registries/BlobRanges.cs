using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Serving;

namespace GridWrapper.Registries;

/// <summary>
/// Parts of one blob of a registry. Its places are asked in their order: mirrors, then the registry itself. A place that fails is passed over until all have failed; one that
/// sends no ranges is not asked again. Where a registry sends its clients to a store, they go there directly until that address is refused.
/// </summary>
internal sealed class BlobRanges : IRangeSource
{
    private static readonly RoomLog Log = new(nameof(BlobRanges));
    private readonly HttpExchange _exchange;
    private readonly RegistryTransport _transport;
    private readonly SemaphoreSlim _connections;
    private readonly ImmutableArray<Place> _places;
    private readonly long _sizeBytes;
    private int _current;

    /// <param name="requests">The same blob at each place, in the order in which they are to be asked.</param>
    /// <param name="connections">So many at a time, for all blobs together.</param>
    internal BlobRanges(IEnumerable<RegistryRequest> requests, long sizeBytes, (HttpExchange Exchange, RegistryTransport Transport) way, SemaphoreSlim connections)
    {
        (_exchange, _transport) = way;
        (_sizeBytes, _connections) = (sizeBytes, connections);
        _places = [.. requests.Select(request => new Place(request with { Shortcut = new BlobShortcut() }))];
    }

    public async Task<string> FillAsync(Memory<byte> into, long from, CancellationToken ct)
    {
        await _connections.WaitAsync(ct);
        try
        {
            return await FillFromAnyAsync(into, from, ct);
        }
        finally
        {
            _connections.Release();
        }
    }

    public bool PassOver(string place)
    {
        for (int i = 0; i < _places.Length; i++)
        {
            if (_places[i].Name == place)
            {
                int next = NextAfter(i);
                Volatile.Write(ref _current, next < 0 ? NextAfter(-1) : next);
                return next >= 0;
            }
        }

        return false;
    }

    /// <summary>The connections belong to the client.</summary>
    public void Dispose() => Log.Trace("the blob is read no more");

    private async Task<string> FillFromAnyAsync(Memory<byte> into, long from, CancellationToken ct)
    {
        GridWrapperException? first = null;
        int start = Math.Max(0, Volatile.Read(ref _current));
        for (int step = 0; step < _places.Length; step++)
        {
            int number = (start + step) % _places.Length;
            Place place = _places[number];
            if (place.HasNoRanges)
            {
                continue;
            }

            try
            {
                if (await TryFillAsync(place, into, from, ct))
                {
                    Volatile.Write(ref _current, number);
                    return place.Name;
                }

                place.HasNoRanges = true;
                Log.Info("{Place} sends no parts of {What}", place.Name, place.Request.What);
            }
            catch (GridWrapperException e)
            {
                Log.Info("{Place} is passed over: {Reason}", place.Name, e.Message);
                first = e;
            }
        }

        throw first ?? (Exception)new NoRangesException($"{string.Join(" and ", _places.Select(place => place.Name))} send no parts of {_places[^1].Request.What}, only all of it");
    }

    /// <summary>False where the place sends no ranges.</summary>
    private Task<bool> TryFillAsync(Place place, Memory<byte> into, long from, CancellationToken ct)
    {
        RegistryRequest request = place.Request with { From = from, To = from + into.Length - 1 };
        return _transport.AskAsync(request, (response, token) => TakeAsync(request, response, into, token), ct);
    }

    private async Task<bool> TakeAsync(RegistryRequest request, HttpResponseMessage response, Memory<byte> into, CancellationToken ct)
    {
        if (response.StatusCode == HttpStatusCode.OK)
        {
            response.Dispose();
            return false;
        }

        ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
        if (range?.From != request.From || range.To != request.To || (range.Length ?? _sizeBytes) != _sizeBytes)
        {
            throw RegistryFault.Strange(request, $"asked for the bytes {request.From} to {request.To} of {_sizeBytes}, it sends '{Quoted.Clean(range?.ToString() ?? "no range")}'");
        }

        try
        {
            await using Stream body = await _exchange.OpenBodyAsync(response, ct);
            int got = await body.ReadAtLeastAsync(into, into.Length, throwOnEndOfStream: false, ct);
            return got == into.Length ? true : throw new TransientRegistryException($"{request.Endpoint.Host} sent {got} of {into.Length} bytes of {request.What}");
        }
        catch (TransferBrokenException e)
        {
            throw new TransientRegistryException(e.Message, e);
        }
    }

    private int NextAfter(int place)
    {
        for (int i = place + 1; i < _places.Length; i++)
        {
            if (!_places[i].HasNoRanges)
            {
                return i;
            }
        }

        return -1;
    }

    private sealed class Place(RegistryRequest request)
    {
        private bool _hasNoRanges;

        internal RegistryRequest Request => request;

        internal string Name => request.Endpoint.Base.Authority;

        internal bool HasNoRanges
        {
            get => Volatile.Read(ref _hasNoRanges);
            set => Volatile.Write(ref _hasNoRanges, value);
        }
    }
}
