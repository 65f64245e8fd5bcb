using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace GridWrapper.SystemTests.BadInput;

/// <summary>An HTTP server on loopback that says word for word what it was told to, also what no registry would.</summary>
internal sealed class ScriptedRegistry : IDisposable
{
    internal const string Repository = "bad/image";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<string, ScriptedAnswer> _answers = new(StringComparer.Ordinal);

    internal ScriptedRegistry()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    private string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>The answer to every path that has none of its own; 404 where there is none.</summary>
    internal ScriptedAnswer Otherwise { get; init; } = ScriptedAnswer.Text(404, "application/json", """{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}""");

    internal string Reference => $"docker://{Address}/{Repository}:1";

    /// <summary>Serves the image under <see cref="Reference"/>, as it is.</summary>
    internal string Serve(TinyImage image)
    {
        _answers[$"/v2/{Repository}/manifests/1"] = image.ManifestAnswer;
        foreach ((string digest, ScriptedAnswer blob) in image.Blobs)
        {
            _answers[$"/v2/{Repository}/blobs/{digest}"] = blob;
        }

        return Reference;
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        CancellationToken end = _end.Token;
        while (!end.IsCancellationRequested)
        {
            try
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(end);
                _ = ServeAsync(client, end);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    /// <summary>One request for each connection.</summary>
    private async Task ServeAsync(TcpClient client, CancellationToken end)
    {
        try
        {
            using (client)
            {
                await using NetworkStream stream = client.GetStream();
                using StreamReader reader = new(stream, Encoding.Latin1, leaveOpen: true);
                string[] request = (await reader.ReadLineAsync(end) ?? "").Split(' ');
                while (await reader.ReadLineAsync(end) is { Length: > 0 })
                {
                    // The answer depends on the path alone.
                }

                if (request is [{ } method, { } path, ..])
                {
                    await AnswerAsync(stream, _answers.GetValueOrDefault(path.Split('?')[0], Otherwise), method == "HEAD", end);
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await TestContext.Out.WriteLineAsync($"the client went away: {e.Message}");
        }
    }

    private static async Task AnswerAsync(NetworkStream stream, ScriptedAnswer answer, bool headersOnly, CancellationToken end)
    {
        string[] lines =
        [
            $"HTTP/1.1 {answer.Status} Scripted", $"Content-Type: {answer.ContentType}", $"Content-Length: {answer.Body.Length}", "Connection: close", .. answer.Headers, "", "",
        ];
        await stream.WriteAsync(Encoding.Latin1.GetBytes(string.Join("\r\n", lines)), end);
        if (!headersOnly)
        {
            await stream.WriteAsync(answer.Body.AsMemory(0, answer.CutAt ?? answer.Body.Length), end);
        }

        await stream.FlushAsync(end);
    }
}
