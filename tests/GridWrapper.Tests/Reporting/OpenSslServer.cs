using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace GridWrapper.Tests.Reporting;

/// <summary>openssl's own test server, which verifies RFC 3820 proxies down to the CA as the servers of the grid do, and answers one text.</summary>
internal sealed class OpenSslServer : IAsyncDisposable
{
    internal const string Program = "/usr/bin/openssl";

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private OpenSslServer(Process process, int port)
    {
        _process = process;
        Address = new Uri($"https://127.0.0.1:{port}");
    }

    internal Uri Address { get; }

    internal string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    internal static async Task<OpenSslServer> StartAsync(string directory, TestCertificates certificates, string answer, CancellationToken ct)
    {
        string server = Path.Combine(directory, "server.pem"), ca = Path.Combine(directory, "ca.pem");
        await File.WriteAllTextAsync(server, certificates.ServerPem, ct);
        await File.WriteAllTextAsync(ca, certificates.CaPem, ct);
        int port = FreePort();
        string[] arguments =
        [
            "s_server", "-accept", $"127.0.0.1:{port}", "-cert", server, "-key", server, "-CAfile", ca, "-Verify", "9", "-verify_return_error", "-allow_proxy_certs", "-ign_eof",
        ];
        ProcessStartInfo start = new(Program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        OpenSslServer running = new(Process.Start(start)!, port);
        await running.ListenAsync($"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {answer.Length}\r\n\r\n{answer}", ct);
        return running;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    /// <summary>What is typed in goes to the client, so the answer is typed in when a request has come.</summary>
    private async Task ListenAsync(string answer, CancellationToken ct)
    {
        TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _process.OutputDataReceived += (_, e) => Take(e.Data, answer, ready);
        _process.ErrorDataReceived += (_, e) => Take(e.Data, answer, ready);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(20), ct);
    }

    private void Take(string? line, string answer, TaskCompletionSource ready)
    {
        lock (_output)
        {
            _ = _output.AppendLine(line);
        }

        if (line?.StartsWith("ACCEPT", StringComparison.Ordinal) == true)
        {
            _ = ready.TrySetResult();
        }

        if (line?.Contains("POST /api/v1/", StringComparison.Ordinal) == true)
        {
            _process.StandardInput.Write(answer);
            _process.StandardInput.Flush();
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
