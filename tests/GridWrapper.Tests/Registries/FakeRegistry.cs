using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace GridWrapper.Tests.Registries;

/// <summary>A registry on loopback that serves what it is given, and misbehaves where a path has its own answer. Raw sockets, so that it can break any rule of HTTP.</summary>
internal sealed class FakeRegistry : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    internal FakeRegistry()
    {
        _listener.Start();
        _loop = AcceptAsync();
    }

    internal string Host => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    internal ConcurrentQueue<Request> Requests { get; } = [];

    /// <summary>Path → body and type.</summary>
    internal ConcurrentDictionary<string, (byte[] Body, string Type)> Content { get; } = [];

    /// <summary>Path prefix → special answer; the longest prefix is asked first, and null lets the content answer.</summary>
    internal ConcurrentDictionary<string, Func<Request, Answer?>> Special { get; } = [];

    internal int CountOf(string part) => Requests.Count(r => r.Path.Contains(part, StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _loop;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var open = new List<Task>();
        try
        {
            while (true)
            {
                open.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            await Task.WhenAll(open);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
                Request? request = await ReadAsync(reader);
                if (request is not null)
                {
                    Requests.Enqueue(request);
                    await (Choose(request) ?? Answer.Error(404, "NAME_UNKNOWN", "not here")).WriteAsync(stream, _stop.Token);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                TestContext.Progress.WriteLine($"fake registry: {e.GetType().Name}");
            }
        }
    }

    private async Task<Request?> ReadAsync(StreamReader reader)
    {
        string? first = await reader.ReadLineAsync(_stop.Token);
        if (string.IsNullOrEmpty(first))
        {
            return null;
        }

        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
        {
            headers[line[..line.IndexOf(':', StringComparison.Ordinal)]] = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }

        char[] body = new char[headers.TryGetValue("Content-Length", out string? length) ? int.Parse(length, CultureInfo.InvariantCulture) : 0];
        if (body.Length > 0)
        {
            await reader.ReadBlockAsync(body, _stop.Token); // with an empty buffer it would wait for more
        }

        return new Request(first.Split(' ')[0], first.Split(' ')[1], headers, new string(body));
    }

    private Answer? Choose(Request request)
    {
        Answer? special = Special.Where(s => request.Path.StartsWith(s.Key, StringComparison.Ordinal)).OrderByDescending(s => s.Key.Length).Select(s => s.Value(request)).FirstOrDefault(a => a is not null);
        return special ?? (Content.TryGetValue(request.Path, out (byte[] Body, string Type) content) ? new Answer { Body = content.Body, Headers = { ["Content-Type"] = content.Type } } : null);
    }

    internal sealed record Request(string Method, string Path, Dictionary<string, string> Headers, string Body)
    {
        internal string? Authorization => Headers.GetValueOrDefault("Authorization");
    }

    internal sealed record Answer
    {
        internal int Status { get; init; } = 200;

        internal Dictionary<string, string> Headers { get; private init; } = new(StringComparer.OrdinalIgnoreCase);

        internal byte[] Body { get; init; } = [];

        /// <summary>Content-Length where it is not the body's; -1 for none (the connection's end is the body's end).</summary>
        internal int? Length { get; init; }

        /// <summary>Stops sending after so many bytes and keeps the connection open.</summary>
        internal int? StallAfter { get; init; }

        /// <summary>After so many bytes sends one now and then, and never ends.</summary>
        internal int? DribbleAfter { get; init; }

        internal static Answer Error(int status, string code, string message) =>
            new() { Status = status, Body = Encoding.UTF8.GetBytes($$$$"""{"errors":[{"code":"{{{{code}}}}","message":"{{{{message}}}}"}]}""") };

        internal static Answer Redirect(string to, int status = 307) => new() { Status = status, Headers = { ["Location"] = to } };

        internal static Answer Challenge(string header) => new() { Status = 401, Headers = { ["WWW-Authenticate"] = header } };

        internal static Answer Json(string text) => new() { Body = Encoding.UTF8.GetBytes(text), Headers = { ["Content-Type"] = "application/json" } };

        internal async Task WriteAsync(NetworkStream stream, CancellationToken ct)
        {
            var head = new StringBuilder($"HTTP/1.1 {Status} Whatever\r\nConnection: close\r\n");
            foreach ((string name, string value) in Headers)
            {
                head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
            }

            if (Length != -1)
            {
                head.Append(CultureInfo.InvariantCulture, $"Content-Length: {Length ?? Body.Length}\r\n");
            }

            await stream.WriteAsync(Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), ct);
            await stream.WriteAsync(Body.AsMemory(0, StallAfter ?? DribbleAfter ?? Body.Length), ct);
            await stream.FlushAsync(ct);
            for (int at = DribbleAfter ?? Body.Length; at < Body.Length; at++)
            {
                await Task.Delay(50, ct);
                await stream.WriteAsync(Body.AsMemory(at, 1), ct);
            }

            if (StallAfter is not null)
            {
                await Task.Delay(Timeout.Infinite, ct);
            }
        }
    }
}
