using System.Collections.Concurrent;
using System.Net;
using GridWrapper.Diagnostics;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.SelfTest;

/// <summary>
/// A PanDA server in miniature on 127.0.0.1: hands out jobs, takes updates in, serves sandboxes. It is as strict as the real one about bytes,
/// names and types, and can be told to misbehave. Written from observations of the real server (its entry point and its pilot API), not from its code.
/// </summary>
internal sealed class LoopbackWorkloadManager : IAsyncDisposable
{
    private static readonly RoomLog Log = new(nameof(LoopbackWorkloadManager));

    private readonly HttpListener _listener;
    private readonly PilotApi _v1;
    private readonly LegacyPilotApi _legacy;
    private readonly WorkloadOptions _options;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<string, byte[]> _files = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<WorkloadFault> _faults = [];
    private readonly ConcurrentQueue<WorkloadRequest> _requests = [];
    private readonly Task _accepting;

    private LoopbackWorkloadManager(HttpListener listener, int port, WorkloadOptions options)
    {
        _listener = listener;
        _options = options;
        Address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
        _v1 = new PilotApi(State, options);
        _legacy = new LegacyPilotApi(State);
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>What to give as --server, and as --sourceURL of sandboxes.</summary>
    internal Uri Address { get; }

    internal WorkloadState State { get; } = new();

    /// <summary>Arguments of v1 methods that this server does not know although the current ones do.</summary>
    internal HashSet<string> UnknownArguments => _v1.UnknownArguments;

    /// <summary>Every request so far, for tests that look at bytes.</summary>
    internal ImmutableArray<WorkloadRequest> Requests => [.. _requests];

    /// <summary>Starts on a free port.</summary>
    internal static LoopbackWorkloadManager Start(WorkloadOptions options, Random random)
    {
        (HttpListener listener, int port) = LoopbackListener.Open(random);
        return new LoopbackWorkloadManager(listener, port, options);
    }

    /// <summary>Queues a job: the object of an acquire_jobs answer.</summary>
    internal void AddJob(string json) => State.Add(PlainJson.Parse(json));

    /// <summary>Serves content as /cache/NAME.</summary>
    internal void AddFile(string name, byte[] content) => _files[name] = content;

    /// <summary>The next calls of the pilot API meet this.</summary>
    internal void Misbehave(WorkloadFault fault, int times = 1)
    {
        for (int i = 0; i < times; i++)
        {
            _faults.Enqueue(fault);
        }
    }

    /// <summary>Takes back what is left of the misbehaviour asked for.</summary>
    internal void Behave() => _faults.Clear();

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Abort();
        await _accepting;
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> open = [];
        while (!_end.IsCancellationRequested)
        {
            try
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                _ = open.RemoveAll(static t => t.IsCompleted);
                open.Add(Task.Run(() => ServeAsync(context)));
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                Log.Debug("the loopback workload manager stopped listening: {Message}", e.Message);
                break;
            }
        }

        await Task.WhenAll(open);
    }

    private async Task ServeAsync(HttpListenerContext context)
    {
        try
        {
            WorkloadRequest request = await WorkloadRequest.ReadAsync(context.Request, _end.Token);
            _requests.Enqueue(request);
            WorkloadAnswer answer = await AnswerOrFailAsync(request);
            if (answer.Drop)
            {
                // Announced and not sent: an answer that ends too early, and not one that is empty.
                context.Response.ContentLength64 = 1000;
                await context.Response.OutputStream.WriteAsync("{"u8.ToArray(), _end.Token);
                context.Response.Abort();
                return;
            }

            byte[] bytes = answer.Document is { } document ? Encoding.UTF8.GetBytes(Text(request, document)) : answer.Bytes;
            context.Response.StatusCode = answer.Status;
            context.Response.ContentType = request.Path.StartsWith("/cache/", StringComparison.Ordinal) ? "application/octet-stream"
                : IsLegacy(request) && request.Accept == "application/json" ? "application/json" : "text/plain";
            context.Response.ContentLength64 = bytes.Length;
            await context.Response.OutputStream.WriteAsync(bytes, _end.Token);
            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // The client went away, or we are closing.
            Log.Debug("a request to the loopback workload manager was not answered: {Message}", e.Message);
            context.Response.Abort();
        }
    }

    /// <summary>A method that fails over its arguments is answered with the exception's text, as on the server.</summary>
    private async Task<WorkloadAnswer> AnswerOrFailAsync(WorkloadRequest request)
    {
        try
        {
            return await AnswerAsync(request);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            return WorkloadAnswer.Plain(500, e.Message);
        }
    }

    private async Task<WorkloadAnswer> AnswerAsync(WorkloadRequest request)
    {
        if (request.Path.StartsWith("/cache/", StringComparison.Ordinal))
        {
            return _files.TryGetValue(request.Path["/cache/".Length..], out byte[]? content) ? new WorkloadAnswer { Bytes = content } : WorkloadAnswer.Plain(404, "not found");
        }

        WorkloadFault? fault = null;
        if ((request.Path.Contains("/pilot/", StringComparison.Ordinal) || IsLegacy(request)) && _faults.TryDequeue(out fault))
        {
            switch (fault)
            {
                case WorkloadFault.Answer answer:
                    return WorkloadAnswer.Plain(answer.Status, answer.Text);
                case WorkloadFault.Drop:
                    return WorkloadAnswer.Cut;
                case WorkloadFault.Hang:
                    await Task.Delay(Timeout.Infinite, _end.Token);
                    break;
                default:
                    break;
            }
        }

        WorkloadAnswer answered = Answered(request, fault);
        return fault is WorkloadFault.DropAfter ? WorkloadAnswer.Cut : answered;
    }

    private WorkloadAnswer Answered(WorkloadRequest request, WorkloadFault? fault)
    {
        int? code = (fault as WorkloadFault.Code)?.StatusCode;
        return IsLegacy(request)
            ? _options.Api == WorkloadApi.V1 ? Forbidden(request) : code is { } c ? LegacyPilotApi.Code(c) : _legacy.Answer(request)
            : _options.Api == WorkloadApi.LegacyWithoutV1 ? WorkloadAnswer.Plain(404, "not found")
            : _options.Api == WorkloadApi.LegacyForbiddingV1 ? Forbidden(request)
            : code is { } v1Code ? WorkloadAnswer.Yes(new JObject { ["StatusCode"] = v1Code }) : _v1.Answer(request);
    }

    private static bool IsLegacy(WorkloadRequest request) => request.Path.StartsWith("/server/panda/", StringComparison.Ordinal);

    private static WorkloadAnswer Forbidden(WorkloadRequest request) => WorkloadAnswer.Plain(403, $"ERROR : method {request.Path.Split('/')[^1]} is forbidden");

    private static string Text(WorkloadRequest request, JObject document) => IsLegacy(request)
        ? request.Accept == "application/json" ? document.ToString(Formatting.None) : LegacyPilotApi.Form(document)
        : request.WantsJson ? document.ToString(Formatting.None) : PythonLiteral.Write(document);
}
