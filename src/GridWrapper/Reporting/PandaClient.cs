using System.Collections.Concurrent;
using GridWrapper.Diagnostics;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Reporting;

/// <summary>
/// The PanDA server's pilot API: v1, and where that is answered 403 or 404 the legacy one, remembered for the run, as are arguments that this
/// server does not know. Thread-safe: heartbeats and other updates may overlap.
/// </summary>
internal sealed partial class PandaClient : IWorkloadManager, IDisposable
{
    /// <summary>Tries for what is asked again anyway: heartbeats, states on the way, job requests.</summary>
    private const int ShortTries = 2;

    private static readonly RoomLog Log = new(nameof(PandaClient));

    private readonly PandaOptions _options;
    private readonly PandaTransport _transport;
    private readonly RetryRules _retries;
    private readonly TokenRenewal? _renewal;
    private readonly ConcurrentDictionary<string, bool> _unknown = new(StringComparer.Ordinal);
    private volatile Api _api;

    internal PandaClient(PandaOptions options)
    {
        _options = options;
        _transport = new PandaTransport(options);
        _retries = new RetryRules(options.Time, options.Random);
        _renewal = options.Credentials is { Token: TokenSource.InFile token, TokenKeyFile: { } key } ? new TokenRenewal(token, key, options.Time) : null;
    }

    private enum Api
    {
        Undecided,
        V1,
        Legacy,
    }

    /// <summary>The server spoken to, as it stands in reports.</summary>
    internal string Server => _options.Server.GetLeftPart(UriPartial.Authority);

    /// <inheritdoc/>
    /// <returns>The job as the server sent it: the JSON object (v1, and legacy servers that follow Accept), or the legacy form.</returns>
    /// <exception cref="GridWrapperException">The server cannot be reached or refuses.</exception>
    public async Task<string?> AcquireJobAsync(AcquireRequest request, CancellationToken ct)
    {
        IReadOnlyList<WireField> fields = UpdateFields.Of(request);
        ServerOutcome outcome = await _retries.Times(ShortTries).ExecuteAsync(async token => await AskAsync(PandaMethod.AcquireJobs, fields, token), ct);
        return outcome switch
        {
            ServerOutcome.Done { Data: JObject data } done => data["jobs"] is JArray jobs ? FirstJob(jobs) : _api == Api.Legacy ? done.Text : null,
            ServerOutcome.NoJob => null,
            ServerOutcome.Done done => throw Refusal("acquire-job", "sent something that is not a job: " + ServerAnswer.OneLine(done.Text)),
            _ => throw Failed("acquire-job", outcome),
        };
    }

    /// <inheritdoc/>
    /// <remarks>Not delivered (Accepted false) is an answer; for final updates it comes only when the patience for them is used up or the server refuses.</remarks>
    /// <exception cref="GridWrapperException">The credentials are not good enough: said at once, not after retries.</exception>
    public async Task<UpdateAnswer> UpdateJobAsync(JobUpdate update, CancellationToken ct)
    {
        return await UpdateAsync(update, update.IsFinal ? _retries.For(_options.FinalUpdatePatience) : _retries.Times(ShortTries), ct);
    }

    private async Task<UpdateAnswer> UpdateAsync(JobUpdate update, RetryRules.Rule retry, CancellationToken ct)
    {
        IReadOnlyList<WireField> fields = UpdateFields.Of(update);
        ServerOutcome outcome = await retry.ExecuteAsync(async token => await AskAsync(PandaMethod.UpdateJob, fields, token), ct);
        switch (outcome)
        {
            case ServerOutcome.Done done:
                return new UpdateAnswer(true, ServerAnswer.Commands(done.Data), "");
            case ServerOutcome.Unauthorised:
                throw Failed("update-job", outcome);
            default:
                string detail = Detail(outcome);
                Log.Warn("update {Status} of job {PandaId} was not accepted by {Server}: {Detail}", update.JobStatus, update.JobId, Server, detail);
                return new UpdateAnswer(false, [], detail);
        }
    }

    /// <summary>States of jobs as the server has them, in the order asked.</summary>
    /// <exception cref="GridWrapperException">The server cannot be reached or refuses.</exception>
    internal async Task<ImmutableArray<JobState>> GetJobStatusAsync(ImmutableArray<long> jobIds, CancellationToken ct)
    {
        string[] ids = [.. jobIds.Select(static id => id.ToString(CultureInfo.InvariantCulture))];
        WireField[] fields = [new WireField("job_ids", "ids", ids)];
        ServerOutcome outcome = await _retries.Times(ShortTries).ExecuteAsync(async token => await AskAsync(PandaMethod.JobStatus, fields, token), ct);
        return outcome is ServerOutcome.Done done ? JobState.Read(done.Data, jobIds) : throw Failed("get-job-status", outcome);
    }

    public void Dispose()
    {
        _transport.Dispose();
        _renewal?.Dispose();
    }

    private static string? FirstJob(JArray jobs) => jobs.Count > 0 ? jobs[0].ToString(Formatting.None) : null;

    private static string Detail(ServerOutcome outcome) => outcome switch
    {
        ServerOutcome.Again again => again.Detail,
        ServerOutcome.Refused refused => refused.Detail,
        ServerOutcome.Unauthorised unauthorised => unauthorised.Detail,
        ServerOutcome.ApiMissing missing => missing.Detail,
        ServerOutcome.UnknownField field => field.Detail,
        _ => "the server sent nothing",
    };

    /// <summary>One try, without the arguments that this server is known not to know; each newly found one is dropped and the call sent again at once.</summary>
    private async Task<ServerOutcome> AskAsync(PandaMethod method, IReadOnlyList<WireField> fields, CancellationToken ct)
    {
        if (_renewal is not null && method != PandaMethod.GetAccessToken)
        {
            await _renewal.IfNeededAsync(GetAccessTokenAsync, ct);
        }

        while (true)
        {
            WireField[] known = [.. fields.Where(f => !_unknown.ContainsKey(f.Name) && !(f.Legacy is not null && _unknown.ContainsKey(f.Legacy)))];
            ServerOutcome outcome = await AskEitherApiAsync(method, known, ct);
            if (outcome is not ServerOutcome.UnknownField unknown)
            {
                return outcome;
            }

            if (method.Required.Contains(unknown.Name) || !known.Any(f => f.Name == unknown.Name || f.Legacy == unknown.Name))
            {
                return new ServerOutcome.Refused(unknown.Detail);
            }

            _unknown[unknown.Name] = true;
            Log.Info("{Server} does not know the argument {Field} of {Method}; it is left out from now on", Server, unknown.Name, method.Name);
        }
    }

    private async Task<ServerOutcome> AskEitherApiAsync(PandaMethod method, WireField[] fields, CancellationToken ct)
    {
        if (_api == Api.Legacy)
        {
            return Settled(await AskLegacyAsync(method, fields, ct));
        }

        ServerOutcome first = await AskV1Async(method, fields, ct);
        if (_api == Api.V1)
        {
            return Settled(first);
        }

        if (first is not ServerOutcome.ApiMissing missing)
        {
            _api = first is ServerOutcome.Again or ServerOutcome.Refused ? _api : Api.V1;
            return first;
        }

        ServerOutcome second = await AskLegacyAsync(method, fields, ct);
        if (second is ServerOutcome.Done or ServerOutcome.NoJob or ServerOutcome.UnknownField)
        {
            _api = Api.Legacy;
            Log.Info("{Server} has no v1 API ({Detail}); the legacy one is used", Server, missing.Detail);
        }

        return second is ServerOutcome.ApiMissing both
            ? new ServerOutcome.Unauthorised($"neither API answers: {method.Path} gives {missing.Detail}; {method.LegacyPath} gives {both.Detail}")
            : second;
    }

    /// <summary>A server that has answered before: 403 is then about us, 404 about a server being restarted.</summary>
    private static ServerOutcome Settled(ServerOutcome outcome) => outcome switch
    {
        ServerOutcome.ApiMissing { Status: 403 } missing => new ServerOutcome.Unauthorised(missing.Detail),
        ServerOutcome.ApiMissing missing => new ServerOutcome.Again(missing.Detail),
        _ => outcome,
    };

    private async Task<ServerOutcome> AskV1Async(PandaMethod method, WireField[] fields, CancellationToken ct)
    {
        PandaCall call = method.IsGet
            ? new PandaCall(method.Path, null, "") { Query = WireBody.Query(fields) }
            : new PandaCall(method.Path, WireBody.Json(fields), "application/json");
        PandaReply reply = await _transport.SendAsync(call, ct);
        return reply.Status == 0 ? NoAnswer(reply) : ServerAnswer.ReadV1(reply.Status, reply.Text);
    }

    private async Task<ServerOutcome> AskLegacyAsync(PandaMethod method, WireField[] fields, CancellationToken ct)
    {
        if (method.LegacyPath is not { } path)
        {
            return new ServerOutcome.Refused($"this server speaks the legacy API only, which has no {method.Name}");
        }

        PandaReply reply = await _transport.SendAsync(new PandaCall(path, WireBody.Form(fields), "application/x-www-form-urlencoded"), ct);
        return reply.Status == 0 ? NoAnswer(reply) : ServerAnswer.ReadLegacy(reply.Status, reply.Text);
    }

    private static ServerOutcome NoAnswer(PandaReply reply) => reply.Untrusted
        ? new ServerOutcome.Unauthorised("the TLS handshake failed (check X509_CERT_DIR and the proxy): " + reply.Text)
        : new ServerOutcome.Again(reply.Text);

    private GridWrapperException Failed(string step, ServerOutcome outcome) => outcome is not ServerOutcome.Unauthorised ? Refusal(step, Detail(outcome), outcome is ServerOutcome.Again)
        : _options.Credentials is { Token: null, ProxyFile: { } proxy } && !ProxyCertificate.MayHaveVoms(proxy)
        ? CredentialFault.Of(
            step,
            $"{Server} does not accept who we are: {Detail(outcome)}. The proxy {proxy} has no VOMS attributes, so it says nothing of a role: make it with voms-proxy-init -voms <vo>:/<vo>/Role=production",
            PilotError.NoVomsProxy)
        : CredentialFault.Of(step, $"{Server} does not accept who we are ({Who()}): {Detail(outcome)}. A token needs its Origin, and updates need Role=production");

    private string Who() => _options.Credentials switch
    {
        { Token: { } token, Origin: var origin } => $"token {token}, Origin {origin}",
        { ProxyFile: { } proxy } => $"proxy {proxy}",
        _ => "no credentials",
    };

    private GridWrapperException Refusal(string step, string detail, bool retryable = false) => new(new Failure
    {
        Blame = Blame.Server,
        Phase = Phase.Report,
        Step = step,
        PilotErrorCode = PilotError.CommunicationFailure,
        Message = $"the workload manager {Server} did not do {step}: {detail}",
        Retryable = retryable,
    });
}
