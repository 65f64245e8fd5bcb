using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using GridWrapper.Outputs;
using GridWrapper.SelfTest;

namespace GridWrapper.Tests.Staging;

/// <summary>A WebDAV server in memory, on 127.0.0.1 and, as another host, on localhost; it misbehaves as told.</summary>
internal sealed class FakeDav : IAsyncDisposable
{
    private readonly HttpListener _listener;
    private readonly Task _loop;

    internal FakeDav()
    {
        (_listener, Port) = LoopbackListener.Open(Random.Shared);
        _listener.Prefixes.Add($"http://localhost:{Port}/");
        _loop = Task.Run(LoopAsync);
    }

    internal int Port { get; }

    internal string Address => $"http://127.0.0.1:{Port}";

    internal ConcurrentDictionary<string, byte[]> Files { get; } = new();

    internal HashSet<string> Collections { get; } = ["/"];

    /// <summary>"METHOD /path", in order.</summary>
    internal ConcurrentQueue<string> Log { get; } = new();

    /// <summary>What each request showed.</summary>
    internal ConcurrentQueue<string?> Shown { get; } = new();

    internal bool StatesDigest { get; init; } = true;

    internal bool RefusesToBeAsked { get; init; }

    /// <summary>Answers in place of the server; false: the server answers after all.</summary>
    internal Func<HttpListenerContext, int, Task<bool>>? Instead { get; init; }

    /// <summary>What becomes of a body on its way to the disk; the number is that of the PUT.</summary>
    internal Func<byte[], int, byte[]> Arrives { get; init; } = (bytes, _) => bytes;

    private int _requests;
    private int _puts;

    public async ValueTask DisposeAsync()
    {
        // Not Stop and then Close: Close would open the port again to leave it, and another server may have taken it in between.
        _listener.Close();
        await _loop;
    }

    internal static byte[] Some(int bytes) => RandomNumberGenerator.GetBytes(bytes);

    private async Task LoopAsync()
    {
        try
        {
            while (true)
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                _ = Task.Run(() => AnswerAsync(context));
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // Stopped.
            return;
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        string path = context.Request.Url!.AbsolutePath;
        Log.Enqueue($"{context.Request.HttpMethod} {path}{(context.Request.Headers["Range"] is { } range ? " " + range : "")}");
        Shown.Enqueue(context.Request.Headers["Authorization"]);
        try
        {
            if (Instead is { } instead && await instead(context, Interlocked.Increment(ref _requests)))
            {
                return;
            }

            await (context.Request.HttpMethod switch
            {
                "PUT" => PutAsync(context, path),
                "GET" or "HEAD" => GetAsync(context, path),
                "MKCOL" => Task.FromResult(context.Response.StatusCode = MakeCollection(path)),
                "DELETE" => Task.FromResult(context.Response.StatusCode = Files.TryRemove(path, out _) ? 204 : 404),
                _ => Task.FromResult(context.Response.StatusCode = 405),
            });
            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            context.Response.Abort();
        }
    }

    private int MakeCollection(string path) =>
        Collections.Contains(path) ? 405 : !Collections.Contains(Above(path)) ? 409 : Collections.Add(path) ? 201 : 500;

    private static string Above(string path) => path[..(path.TrimEnd('/').LastIndexOf('/') + 1)];

    private async Task PutAsync(HttpListenerContext context, string path)
    {
        using MemoryStream body = new();
        await context.Request.InputStream.CopyToAsync(body);
        context.Response.StatusCode = !Collections.Contains(Above(path)) ? 409 : Files.ContainsKey(path) && context.Request.Headers["If-None-Match"] == "*" ? 412 : 201;
        if (context.Response.StatusCode == 201)
        {
            Files[path] = Arrives(body.ToArray(), ++_puts);
        }
    }

    private async Task GetAsync(HttpListenerContext context, string path)
    {
        HttpListenerResponse response = context.Response;
        if (RefusesToBeAsked && context.Request.Headers["Want-Digest"] is not null)
        {
            response.StatusCode = 405;
            return;
        }

        if (!Files.TryGetValue(path, out byte[]? bytes))
        {
            response.StatusCode = 404;
            return;
        }

        if (StatesDigest && context.Request.Headers["Want-Digest"] is not null)
        {
            Adler32 sum = new();
            sum.Append(bytes);
            response.AddHeader("Digest", "adler32=" + sum.ToString().TrimStart('0'));
        }

        int from = context.Request.Headers["Range"] is { } range ? int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture) : 0;
        if (from > 0)
        {
            response.StatusCode = 206;
            response.AddHeader("Content-Range", $"bytes {from}-{bytes.Length - 1}/{bytes.Length}");
        }

        response.ContentLength64 = bytes.Length - from;
        if (context.Request.HttpMethod == "GET")
        {
            await response.OutputStream.WriteAsync(bytes.AsMemory(from));
        }
    }
}
