using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace GridWrapper.Tests.Reporting;

/// <summary>Answers every connection once with the same text over TLS and remembers which certificates the client sent.</summary>
internal sealed class TinyTlsServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly X509Certificate2 _certificate;
    private readonly string _answer;
    private readonly Task _serving;

    internal TinyTlsServer(X509Certificate2 certificate, string answer)
    {
        _certificate = certificate;
        _answer = answer;
        _listener.Start();
        _serving = Task.Run(ServeAsync);
    }

    internal Uri Address => new($"https://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Subjects of leaf and chain as they came over the wire.</summary>
    internal List<string> Sent { get; } = [];

    internal List<string> Errors { get; } = [];

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _serving;
        _end.Dispose();
    }

    private async Task ServeAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync(_end.Token);
                await AnswerAsync(client);
            }
            catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException or SocketException)
            {
                Errors.Add(e.Message);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        await using SslStream tls = new(client.GetStream());
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions { ServerCertificate = _certificate, ClientCertificateRequired = true, RemoteCertificateValidationCallback = Remember },
            _end.Token);
        using StreamReader reader = new(tls, leaveOpen: true);
        int length = 0;
        for (string? line = await reader.ReadLineAsync(_end.Token); line is { Length: > 0 }; line = await reader.ReadLineAsync(_end.Token))
        {
            length = line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase) ? int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture) : length;
        }

        _ = await reader.ReadBlockAsync(new char[length], _end.Token);
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {_answer.Length}\r\nConnection: close\r\n\r\n{_answer}"), _end.Token);
        await tls.ShutdownAsync();
    }

    private bool Remember(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is not null)
        {
            Sent.Add(certificate.Subject);
            Sent.AddRange(chain!.ChainPolicy.ExtraStore.Select(static c => c.Subject));
        }

        return true;
    }
}
