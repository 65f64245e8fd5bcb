using System.Collections.Concurrent;
using System.Net;
using GridWrapper.Diagnostics;
using GridWrapper.Images;

namespace GridWrapper.SelfTest;

/// <summary>
/// A read-only registry of the OCI distribution specification on 127.0.0.1, serving what it was given from memory. It counts what it was asked for, and it
/// can be told to misbehave.
/// </summary>
internal sealed class LoopbackRegistry : IDisposable
{
    private static readonly RoomLog Log = new(nameof(LoopbackRegistry));

    private readonly HttpListener _listener;
    private readonly RegistryGate _gate;
    private readonly RegistryContent _content = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentQueue<RegistryRequest> _requests = new();
    private readonly Lock _lock = new();
    private ImmutableList<RegistryFault> _faults = [];

    private LoopbackRegistry(HttpListener listener, int port, RegistryAccess access)
    {
        _listener = listener;
        Address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");
        _gate = new RegistryGate(access, Address);
    }

    /// <summary>HOST:PORT, the form in which image references name it.</summary>
    internal string Address { get; }

    /// <summary>Everything that was answered so far, in order.</summary>
    internal ImmutableArray<RegistryRequest> Requests => [.. _requests];

    /// <summary>Answered GETs of blobs.</summary>
    internal int BlobFetches => _requests.Count(r => r.Method == "GET" && r.Path.Contains("/blobs/", StringComparison.Ordinal) && r.Status is 200 or 206);

    /// <summary>Answered GETs and HEADs of manifests.</summary>
    internal int ManifestRequests => _requests.Count(r => r.Path.Contains("/manifests/", StringComparison.Ordinal) && r.Status is 200);

    /// <summary>Starts the server on a free port.</summary>
    /// <exception cref="GridWrapperException">None of the ports that were tried is free.</exception>
    internal static LoopbackRegistry Start(RegistryAccess access, Random random)
    {
        (HttpListener listener, int port) = LoopbackListener.Open(random);
        LoopbackRegistry registry = new(listener, port, access);
        _ = registry.AcceptAsync();
        return registry;
    }

    /// <summary>Adds an image under REPOSITORY:TAG.</summary>
    /// <returns>The reference by which clients find it.</returns>
    internal ImageReference.InRegistry Add(MiniatureImage image, string repository, string tag, ManifestForm form)
    {
        foreach (MiniatureBlob blob in image.Blobs)
        {
            _content.AddBlob(repository, blob);
        }

        switch (form)
        {
            case ManifestForm.Oci:
                _content.AddManifest(repository, tag, image.OciManifest);
                break;
            case ManifestForm.Docker:
                _content.AddManifest(repository, tag, image.DockerManifest);
                break;
            default:
                _content.AddManifest(repository, tag: null, image.OciManifest);
                _content.AddManifest(repository, tag: null, image.ForeignBlobs[0]);
                _content.AddBlob(repository, image.ForeignBlobs[1]);
                _content.AddManifest(repository, tag, image.Index);
                break;
        }

        return new ImageReference.InRegistry(Address, repository, tag, Digest: null);
    }

    /// <summary>Makes the next requests of that kind fail.</summary>
    internal void Inject(RegistryFault fault)
    {
        lock (_lock)
        {
            _faults = _faults.Add(fault);
        }
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _listener.Close();
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        CancellationToken stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                _ = HandleAsync(context, stopping);
            }
            catch (Exception ended) when (ended is HttpListenerException or InvalidOperationException)
            {
                Log.Debug("loopback registry {Address} ended: {Reason}", Address, ended.Message);
                return;
            }
        }
    }

    private async Task HandleAsync(HttpListenerContext context, CancellationToken stopping)
    {
        HttpListenerRequest request = context.Request;
        try
        {
            bool headersOnly = request.HttpMethod == "HEAD";
            RegistryAnswer answer = Route(request);
            _requests.Enqueue(new RegistryRequest(request.HttpMethod, request.Url!.AbsolutePath, answer.Status, headersOnly ? 0 : answer.Body.Length));
            await SendAsync(context.Response, answer, headersOnly, stopping);
        }
        catch (Exception gone) when (gone is HttpListenerException or IOException or InvalidOperationException or OperationCanceledException)
        {
            // ObjectDisposedException is an InvalidOperationException.
            Log.Debug("loopback registry: the client of {Path} went away: {Reason}", request.Url!.AbsolutePath, gone.Message);
            context.Response.Abort();
        }
    }

    /// <summary>Paths are /v2/, /v2/NAME/manifests/REFERENCE, /v2/NAME/blobs/DIGEST, /v2/NAME/tags/list and /token; names may hold slashes.</summary>
    private RegistryAnswer Route(HttpListenerRequest request)
    {
        string path = Uri.UnescapeDataString(request.Url!.AbsolutePath);
        string? authorization = request.Headers["Authorization"];
        if (request.HttpMethod is not ("GET" or "HEAD"))
        {
            return RegistryAnswer.Error(405, "UNSUPPORTED", "this registry is read-only");
        }

        if (path == "/token")
        {
            return _gate.Token(authorization);
        }

        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || parts[0] != "v2")
        {
            return RegistryAnswer.Error(404, "UNSUPPORTED", $"no such path: {path}");
        }

        string repository = parts.Length > 3 ? string.Join('/', parts[1..^2]) : "";
        if (_gate.Check(authorization, repository) is { } refused)
        {
            return refused;
        }

        return (parts.Length > 3 ? parts[^2] : "") switch
        {
            "manifests" => WithFault(_content.Manifest(repository, parts[^1], request.Headers["Accept"]), RegistryTarget.Manifests),
            "blobs" => WithFault(_content.Blob(repository, parts[^1], request.Headers["Range"]), RegistryTarget.Blobs),
            "tags" when parts[^1] == "list" => _content.Tags(repository),
            "" when parts.Length == 1 => RegistryAnswer.Json([]) with { Headers = [("Docker-Distribution-Api-Version", "registry/2.0")] },
            _ => RegistryAnswer.Error(404, "UNSUPPORTED", $"no such path: {path}"),
        };
    }

    private RegistryAnswer WithFault(RegistryAnswer answer, RegistryTarget target) => TakeFault(target) switch
    {
        null => answer,
        RegistryFaultKind.Unavailable => RegistryAnswer.Error(503, "UNAVAILABLE", "the self-test asked for this failure"),
        RegistryFaultKind.TooManyRequests => RegistryAnswer.Error(429, "TOOMANYREQUESTS", "the self-test asked for this failure", ("Retry-After", "0")),
        { } kind => answer with { Fault = kind },
    };

    private RegistryFaultKind? TakeFault(RegistryTarget target)
    {
        lock (_lock)
        {
            if (_faults.Find(f => f.Target == target && f.Times > 0) is not { } fault)
            {
                return null;
            }

            _faults = fault.Times == int.MaxValue ? _faults : _faults.Replace(fault, fault with { Times = fault.Times - 1 });
            return fault.Kind;
        }
    }

    private static async Task SendAsync(HttpListenerResponse response, RegistryAnswer answer, bool headersOnly, CancellationToken stopping)
    {
        response.StatusCode = answer.Status;
        response.ContentType = answer.ContentType;
        response.ContentLength64 = answer.Body.Length;
        foreach ((string name, string value) in answer.Headers)
        {
            response.Headers[name] = value;
        }

        if (!headersOnly)
        {
            bool halved = answer.Fault is RegistryFaultKind.Stall or RegistryFaultKind.Truncated;
            await response.OutputStream.WriteAsync(halved ? answer.Body[..(answer.Body.Length / 2)] : Changed(answer), stopping);
            if (answer.Fault == RegistryFaultKind.Stall)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, stopping);
            }
            else if (halved)
            {
                response.Abort();
                return;
            }
        }

        response.Close();
    }

    private static ReadOnlyMemory<byte> Changed(RegistryAnswer answer)
    {
        if (answer.Fault != RegistryFaultKind.WrongContent || answer.Body.IsEmpty)
        {
            return answer.Body;
        }

        byte[] changed = answer.Body.ToArray();
        changed[0] ^= 0xff;
        return changed;
    }
}
