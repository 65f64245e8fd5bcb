using System.Net;
using GridWrapper.SelfTest;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Tests.Reporting;

/// <summary>Gives recorded answers one after the other, and notes what it was asked, down to the headers that matter and the length.</summary>
internal sealed class ReplayServer
{
    private readonly HttpListener _listener;
    private readonly JObject[] _exchanges;
    private readonly List<string> _heard = [];
    private readonly Task _serving;

    internal ReplayServer(JObject[] exchanges)
    {
        _exchanges = exchanges;
        (_listener, Port) = LoopbackListener.Open(new Random());
        _serving = Task.Run(ServeAsync);
    }

    internal int Port { get; }

    /// <summary>What it heard.</summary>
    internal async Task<ImmutableArray<string>> EndAsync()
    {
        _listener.Close();
        await _serving;
        return [.. _heard];
    }

    private async Task ServeAsync()
    {
        foreach (JObject exchange in _exchanges)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                _heard.Add("nothing: " + e.Message);
                return;
            }

            using StreamReader reader = new(context.Request.InputStream, Encoding.UTF8);
            string body = await reader.ReadToEndAsync();
            string length = context.Request.Headers["Content-Length"] ?? "0";
            _heard.Add($"{context.Request.HttpMethod} {context.Request.RawUrl} {context.Request.Headers["Content-Type"]} {context.Request.Headers["Accept"]} {length} {body}");
            byte[] answer = Encoding.UTF8.GetBytes((string)exchange["answer"]!);
            context.Response.StatusCode = (int)exchange["status"]!;
            context.Response.ContentType = "text/plain";
            context.Response.ContentLength64 = answer.Length;
            await context.Response.OutputStream.WriteAsync(answer);
            context.Response.Close();
        }
    }
}
