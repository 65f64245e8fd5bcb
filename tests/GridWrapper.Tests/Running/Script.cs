using System.Net.Http;

namespace GridWrapper.Tests.Running;

/// <summary>A server that gives one answer after the other.</summary>
internal sealed class Script(Func<HttpResponseMessage>[] answers) : HttpMessageHandler
{
    internal List<string> Asked { get; } = [];

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Asked.Add(request.RequestUri!.ToString());
        return Task.FromResult(answers[Asked.Count - 1]());
    }
}
