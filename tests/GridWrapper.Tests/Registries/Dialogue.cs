using GridWrapper.Images;
using GridWrapper.Tests.Documentation;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Answer = GridWrapper.Tests.Registries.FakeRegistry.Answer;

namespace GridWrapper.Tests.Registries;

/// <summary>
/// Plays the part of a public registry, its token server and its blob store from a file of Dialogues/. Each host of the file is a server of its own on loopback; a request that is not
/// the next one of the file, to the letter, is noted and answered with 418.
/// </summary>
internal sealed class Dialogue : IAsyncDisposable
{
    internal const string Folder = "tests/GridWrapper.Tests/Registries/Dialogues";

    private readonly JObject _script;
    private readonly TestImage _image = TestImage.Small();
    private readonly Dictionary<string, FakeRegistry> _hosts = [];
    private readonly Queue<JObject> _left;
    private string? _location;

    private Dialogue(JObject script)
    {
        _script = script;
        _left = new Queue<JObject>(script["exchange"]!.Cast<JObject>());
        foreach (string host in _left.Select(step => (string)step["ask"]!["host"]!).Distinct())
        {
            var server = new FakeRegistry();
            server.Special["/"] = request => Reply(host, request);
            _hosts[host] = server;
        }
    }

    /// <summary>What was asked otherwise than the file says.</summary>
    internal List<string> Faults { get; } = [];

    internal int Left => _left.Count;

    internal JObject Ends => (JObject)_script["ends"]!;

    internal byte[] Layer => _image.Layers[0];

    internal ImageReference.InRegistry Reference => new(_hosts[(string)_script["registry"]!].Host, (string)_script["repository"]!, (string)_script["tag"]!, null);

    /// <summary>A config.json with the credentials of the file, or null.</summary>
    internal string? Config => Credentials is { } credentials ? $$$$"""{"auths":{"{{{{Reference.Host}}}}":{"auth":"{{{{credentials}}}}"}}}""" : null;

    private string? Credentials => (string?)_script["credentials"] is { } text ? Convert.ToBase64String(Encoding.UTF8.GetBytes(text)) : null;

    private byte[] Index => Encoding.UTF8.GetBytes(
        $$$$"""{"schemaVersion":2,"mediaType":"{{{{MediaTypes.OciIndex}}}}","manifests":[{"mediaType":"{{{{MediaTypes.OciManifest}}}}","size":{{{{_image.Manifest.Length}}}},"digest":"{{{{_image.Digest}}}}","platform":{"os":"linux","architecture":"amd64"}}]}""");

    internal static string[] Names => [.. Directory.GetFiles(Repository.PathOf(Folder), "*.json").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    internal static Dialogue Load(string name)
    {
        using var reader = new JsonTextReader(new StringReader(Repository.Read($"{Folder}/{name}.json"))) { DateParseHandling = DateParseHandling.None };
        return new Dialogue(JObject.Load(reader));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (FakeRegistry server in _hosts.Values)
        {
            await server.DisposeAsync();
        }
    }

    private Answer Reply(string host, FakeRegistry.Request request)
    {
        lock (Faults)
        {
            string? fault = _left.TryPeek(out JObject? step) ? Compare((JObject)step["ask"]!, host, request) : $"{host} was asked once more: {request.Path}";
            if (fault is not null)
            {
                Faults.Add(fault);
                return new Answer { Status = 418 };
            }

            _left.Dequeue();
            return Make((JObject)step!["answer"]!);
        }
    }

    /// <summary>What is not as the file has it, or null.</summary>
    private string? Compare(JObject ask, string host, FakeRegistry.Request request)
    {
        string[] parts = request.Path.Split('?', 2);
        string query = string.Join('&', parts.Skip(1).SelectMany(q => q.Split('&')).Select(Uri.UnescapeDataString).Order(StringComparer.Ordinal));
        string expected = string.Join('&', ((ask["query"] as JObject)?.Properties() ?? []).Select(p => $"{p.Name}={p.Value}").Order(StringComparer.Ordinal));
        string? redirected = _location;
        _location = null;
        List<string> differences = [];
        Differ("host", (string?)ask["host"], host);
        Differ("method", "GET", request.Method);
        Differ("path", Fill((string)ask["path"]!), parts[0]);
        Differ("query", expected, query);
        Differ("Authorization", (string?)ask["authorization"] is { } authorization ? Fill(authorization) : null, request.Authorization);
        Differ("cookie", null, request.Headers.GetValueOrDefault("Cookie"));
        Differ("address of the redirect", redirected, redirected is null ? null : $"http://{_hosts[host].Host}{request.Path}");
        if (ask["accept"] is not null)
        {
            Differ("Accept", string.Join(", ", MediaTypes.AcceptedManifests), request.Headers.GetValueOrDefault("Accept"));
        }

        return differences.Count == 0 ? null : $"{host}{request.Path}: {string.Join("; ", differences)}";

        void Differ(string what, string? wanted, string? came)
        {
            if (wanted != came)
            {
                differences.Add($"{what} is '{came}', not '{wanted}'");
            }
        }
    }

    private Answer Make(JObject said)
    {
        Answer answer = new() { Status = (int)said["status"]!, Body = Body(said["body"]) };
        foreach (JProperty header in (said["headers"] as JObject)?.Properties() ?? [])
        {
            answer.Headers[header.Name] = Fill((string)header.Value!);
        }

        _location = answer.Headers.GetValueOrDefault("Location");
        return answer;
    }

    private byte[] Body(JToken? body) => body switch
    {
        null => [],
        { Type: JTokenType.String } text => (string)text! switch
        {
            "{index-document}" => Index,
            "{manifest-document}" => _image.Manifest,
            "{config-document}" => _image.Config,
            "{layer-document}" => Layer,
            var other => Encoding.UTF8.GetBytes(other),
        },
        _ => Encoding.UTF8.GetBytes(body.ToString(Formatting.None)),
    };

    private string Fill(string text)
    {
        foreach ((string name, Digest digest) in (ReadOnlySpan<(string, Digest)>)[("index", Digest.Of(Index)), ("manifest", _image.Digest), ("config", Digest.Of(_image.Config)), ("layer", Digest.Of(Layer))])
        {
            text = text.Replace($"{{{name}}}", digest.ToString(), StringComparison.Ordinal).Replace($"{{{name}-hex}}", digest.Hex, StringComparison.Ordinal);
        }

        foreach ((string host, FakeRegistry server) in _hosts)
        {
            text = text.Replace($"https://{host}/", $"http://{server.Host}/", StringComparison.Ordinal);
        }

        return text.Replace("{credentials}", Credentials, StringComparison.Ordinal);
    }
}
