using System.Net.Http;

namespace GridWrapper.Reporting;

/// <summary>Reads each answer at once, up to a limit: a server gone wrong must not fill the memory of a worker node.</summary>
internal sealed class BoundedAnswers(long limit) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        await response.Content.LoadIntoBufferAsync(limit, cancellationToken);
        return response;
    }
}
