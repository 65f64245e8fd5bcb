using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace GridWrapper.Tests.Reporting;

/// <summary>
/// Answers every connection once with the same text over TLS 1.2 and remembers the bytes that came in: in that version the client's certificates
/// are sent in the clear, so they can be seen even where this runtime cannot verify them.
/// </summary>
internal sealed class TinyTlsServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly X509Certificate2 _certificate;
    private readonly string _answer;
    private readonly MemoryStream _wire = new();
    private readonly Task _serving;

    internal TinyTlsServer(X509Certificate2 certificate, string answer)
    {
        _certificate = certificate;
        _answer = answer;
        _listener.Start();
        _serving = Task.Run(ServeAsync);
    }

    internal Uri Address => new($"https://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Everything that the client sent.</summary>
    internal byte[] Received => _wire.ToArray();

    internal List<string> Errors { get; } = [];

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _serving;
        await _wire.DisposeAsync();
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
            catch (Exception e) when (e is IOException or AuthenticationException or SocketException or CryptographicException)
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
        await using SslStream tls = new(new RecordingStream(client.GetStream(), _wire));
#pragma warning disable CA5398, CA5359 // the version whose certificate messages can be read; what the client shows is the test's business
        SslServerAuthenticationOptions options = new()
        {
            ServerCertificate = _certificate,
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls12,
            RemoteCertificateValidationCallback = static (_, _, _, _) => true,
        };
#pragma warning restore CA5398, CA5359
        await tls.AuthenticateAsServerAsync(options, _end.Token);
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

    private sealed class RecordingStream(Stream inner, MemoryStream record) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int n = await inner.ReadAsync(buffer, cancellationToken);
            record.Write(buffer.Span[..n]);
            return n;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
