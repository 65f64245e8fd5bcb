using GridWrapper.Diagnostics;
using GridWrapper.Reporting;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Running;

/// <summary>Whether this slot should ask for a job at all: a queue that is switched off, or a proxy that will not outlive a job, would only waste one.</summary>
internal sealed class PilotFitness(RunSettings settings, TimeProvider time)
{
    private const string QueueFile = "queuedata.json";
    private static readonly RoomLog Log = new(nameof(PilotFitness));

    /// <summary>Null when a job may be asked for.</summary>
    internal Failure? Refusal() => OfQueue() ?? OfProxy();

    /// <summary>The queue's description where somebody left one: the pilot's home, Harvester's directory, the work directory.</summary>
    private Failure? OfQueue()
    {
        string? path = new[] { settings.Environment.GetValueOrDefault("PILOT_HOME"), settings.Environment.GetValueOrDefault("HARVESTER_WORKDIR"), settings.WorkDirectory }
            .OfType<string>().Where(static d => d.StartsWith('/')).Select(static d => Path.Combine(d, QueueFile)).FirstOrDefault(File.Exists);
        if (path is null || Read(path) is not { } queue)
        {
            return null;
        }

        return Text(queue["state"]) is { Length: > 0 } state && !state.Equals("ACTIVE", StringComparison.OrdinalIgnoreCase)
            ? Refused("queue-state", Blame.Site, PilotError.PandaQueueNotActive, $"{path} says that the queue {settings.Queue} is {state}, not ACTIVE: no job was asked for; it is activated in CRIC")
            : Text(queue["status"]) is { } status && status.Equals("offline", StringComparison.OrdinalIgnoreCase)
            ? Refused("queue-state", Blame.Site, PilotError.PandaQueueNotOnline, $"{path} says that the queue {settings.Queue} is offline: no job was asked for; whoever set it offline says when it is back")
            : null;
    }

    private Failure? OfProxy()
    {
        CredentialSurroundings around = new() { Variable = name => settings.Environment.GetValueOrDefault(name), Uid = Linux.Libc.GetUid() };
        try
        {
            if (PandaCredentials.FromEnvironment(around) is not { Token: null, ProxyFile: { } proxy } || ProxyCertificate.EndOf(proxy) is not { } end)
            {
                return null;
            }

            double left = (end - time.GetUtcNow()).TotalSeconds;
            return left <= 0 || left >= settings.Site.Panda.ProxySeconds ? null : Refused(
                "proxy-lifetime",
                Blame.Site,
                PilotError.ProxyTooShort,
                string.Create(CultureInfo.InvariantCulture, $"the X.509 proxy {proxy} ends at {end.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, in {left:0} s, and {settings.Site.Panda.ProxySeconds:0} s are demanded (panda.proxySeconds): no job was asked for; renew it"));
        }
        catch (GridWrapperException e)
        {
            // What is wrong with the credentials is told by the call that needs them.
            Log.Debug("the proxy's lifetime is not known: {Message}", e.Message);
            return null;
        }
    }

    /// <summary>The object itself, or the only one of an object by queue names.</summary>
    private static JObject? Read(string path)
    {
        try
        {
            using JsonTextReader reader = new(new StringReader(File.ReadAllText(path))) { DateParseHandling = DateParseHandling.None, MaxDepth = 64 };
            JObject document = JObject.Load(reader);
            return document.ContainsKey("state") || document.ContainsKey("status") ? document : document.Properties().Select(static p => p.Value).OfType<JObject>().FirstOrDefault();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.Warn("{Path} cannot be read: {Message}", path, e.Message);
            return null;
        }
    }

    private static string? Text(JToken? token) => token is JValue { Type: JTokenType.String } value ? (string?)value : null;

    private static Failure Refused(string step, Blame blame, int code, string message) => new()
    {
        Blame = blame,
        Phase = Phase.Job,
        Step = step,
        PilotErrorCode = code,
        Message = message,
        Retryable = true,
        ExitCode = ExitCodes.TryElsewhere,
    };
}
