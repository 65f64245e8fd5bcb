using System.Net;
using System.Net.Http;
using GridWrapper.Diagnostics;
using GridWrapper.Jobs;

namespace GridWrapper.Running;

/// <summary>
/// The user's source tarball: already in the job directory, or fetched from &lt;sourceURL&gt;/cache/&lt;file&gt; as the transform does, and unpacked there.
/// </summary>
/// <param name="http">Asked for when something has to be fetched.</param>
/// <param name="time">The clock.</param>
internal sealed class SandboxFetcher(Func<HttpMessageInvoker> http, TimeProvider time)
{
    internal const int Tries = 3;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    /// <summary>No user's code comes near it.</summary>
    internal long SizeLimitBytes { get; init; } = 4L << 30;

    /// <summary>Makes sure that the tarball lies in <paramref name="jobDirectory"/>.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="GridWrapperException">Gone from the server (1335), not to be had (1246), or no place was named.</exception>
    internal async Task<string> FetchAsync(Sandbox sandbox, string jobDirectory, CancellationToken ct)
    {
        string target = Path.Combine(jobDirectory, sandbox.File);
        if (File.Exists(target))
        {
            return target;
        }

        if (sandbox.Url is null)
        {
            throw Failed($"{sandbox.File} is not in {jobDirectory} and the job names no --sourceURL to fetch it from", PilotError.NoUserTarball, Blame.User);
        }

        Uri url = new($"{sandbox.Url.GetLeftPart(UriPartial.Path).TrimEnd('/')}/cache/{Uri.EscapeDataString(sandbox.File)}");
        try
        {
            await DownloadWithRetryAsync(url, target, ct);
            return target;
        }
        catch (HttpRequestException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw Failed($"{url} does not exist any more (404): resubmit the task so that its code is uploaded again", PilotError.MissingUserCode, Blame.User);
        }
        catch (Exception e) when (IsPassing(e, ct))
        {
            throw Failed($"fetching {url} failed {Tries} times, last: {e.Message}", PilotError.NoUserTarball, Blame.Server);
        }
    }

    /// <summary>One file, tried again after a pause unless the server says that it does not exist. The last try's exception is thrown as it came.</summary>
    internal async Task DownloadWithRetryAsync(Uri url, string target, CancellationToken ct)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await DownloadAsync(url, target, ct);
                return;
            }
            catch (Exception e) when (IsPassing(e, ct) && attempt < Tries && (e as HttpRequestException)?.StatusCode != HttpStatusCode.NotFound)
            {
                await Task.Delay(Pause, time, ct);
            }
        }
    }

    private static bool IsPassing(Exception e, CancellationToken ct) => e is HttpRequestException or IOException || (e is OperationCanceledException && !ct.IsCancellationRequested);

    private async Task DownloadAsync(Uri url, string target, CancellationToken ct)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Deadline);
        using HttpRequestMessage request = new(HttpMethod.Get, url);
        using HttpResponseMessage answer = await http().SendAsync(request, limit.Token);
        if (!answer.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"the server answered {(int)answer.StatusCode} {answer.ReasonPhrase}", null, answer.StatusCode);
        }

        string partial = target + ".part";
        try
        {
            await using (FileStream file = new(partial, FileMode.Create, FileAccess.Write))
            {
                await using Stream body = await answer.Content.ReadAsStreamAsync(limit.Token);
                byte[] buffer = new byte[128 * 1024];
                for (int n; (n = await body.ReadAsync(buffer, limit.Token)) > 0;)
                {
                    if (file.Length + n > SizeLimitBytes)
                    {
                        throw Failed($"the sandbox {url} is larger than {SizeLimitBytes} bytes: large files are inputs, not code", PilotError.NoUserTarball, Blame.User);
                    }

                    await file.WriteAsync(buffer.AsMemory(0, n), limit.Token);
                }

                if (answer.Content.Headers.ContentLength is { } promised && promised != file.Length)
                {
                    throw new IOException($"{file.Length} of {promised} bytes arrived");
                }
            }

            File.Move(partial, target);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    private static GridWrapperException Failed(string message, int pilotErrorCode, Blame blame) =>
        new(new Failure
        {
            Blame = blame,
            Phase = Phase.Job,
            Step = "fetch-sandbox",
            PilotErrorCode = pilotErrorCode,
            Message = message,
            Retryable = blame == Blame.Server,
        });
}
