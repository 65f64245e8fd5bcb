using GridWrapper.Diagnostics;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Registries;

/// <summary>One file in the form of docker's config.json or containers' auth.json.</summary>
internal sealed class CredentialFile
{
    private const long MaxBytes = 1024 * 1024;
    private readonly Dictionary<string, JObject> _auths = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _helpers = new(StringComparer.OrdinalIgnoreCase);
    private readonly string? _store;

    private CredentialFile(string path, JObject root)
    {
        Path = path;
        foreach (JProperty entry in (root["auths"] as JObject)?.Properties() ?? [])
        {
            _auths[Normalise(entry.Name)] = entry.Value as JObject ?? [];
        }

        foreach (JProperty entry in (root["credHelpers"] as JObject)?.Properties() ?? [])
        {
            _helpers[Normalise(entry.Name)] = Text(entry.Value) ?? "";
        }

        _store = Text(root["credsStore"]);
    }

    internal string Path { get; }

    /// <exception cref="GridWrapperException">The file cannot be read or is not such a file.</exception>
    internal static CredentialFile Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxBytes)
            {
                throw new IOException($"it is larger than {MaxBytes} bytes");
            }

            using var reader = new JsonTextReader(new StringReader(File.ReadAllText(path))) { DateParseHandling = DateParseHandling.None, MaxDepth = 16 };
            return new CredentialFile(path, JObject.Load(reader));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            // The JSON reader's message may quote the text around the fault, which is secret here.
            string why = e is JsonException ? "it is not a JSON object" : e.Message;
            throw new GridWrapperException(
                new Failure
                {
                    Blame = Blame.User,
                    Phase = Phase.Resolve,
                    Step = "read-registry-credentials",
                    PilotErrorCode = PilotError.NoSuchFile,
                    Message = $"the registry credentials in {path} cannot be read: {why}; correct the file or name another with --registry-config",
                },
                e is JsonException ? null : e);
        }
    }

    /// <summary>The entry of the longest matching name: "host/a/b" beats "host/a" beats "host".</summary>
    /// <param name="helper">The external program that keeps this entry, when that is all the file says.</param>
    internal RegistryCredentials? Find(ImmutableArray<string> hosts, string repository, out string? helper)
    {
        helper = null;
        foreach (string name in Names(hosts, repository))
        {
            bool there = _auths.TryGetValue(name, out JObject? entry);
            if (there && Read(entry!) is { } credentials)
            {
                return credentials;
            }

            helper ??= _helpers.GetValueOrDefault(name) ?? (there ? _store : null);
        }

        return null;
    }

    private static IEnumerable<string> Names(ImmutableArray<string> hosts, string repository)
    {
        for (string path = repository; path.Length > 0; path = path[..Math.Max(path.LastIndexOf('/'), 0)])
        {
            foreach (string host in hosts)
            {
                yield return $"{host}/{path}";
            }
        }

        foreach (string host in hosts)
        {
            yield return host;
        }
    }

    private static RegistryCredentials? Read(JObject entry)
    {
        if (Text(entry["registrytoken"]) is { } registryToken)
        {
            return new RegistryCredentials.RegistryToken(registryToken);
        }

        if (Text(entry["identitytoken"]) is { } identityToken)
        {
            return new RegistryCredentials.IdentityToken(identityToken);
        }

        if (Text(entry["username"]) is { } user && Text(entry["password"]) is { } password)
        {
            return new RegistryCredentials.Basic(user, password);
        }

        byte[] decoded = new byte[(Text(entry["auth"])?.Length ?? 0) + 4];
        if (!Convert.TryFromBase64String(Text(entry["auth"]) ?? "", decoded, out int length) || length == 0)
        {
            return null;
        }

        string pair = Encoding.UTF8.GetString(decoded, 0, length).TrimEnd('\0');
        int colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 ? new RegistryCredentials.Basic(pair[..colon], pair[(colon + 1)..]) : null;
    }

    private static string? Text(JToken? value) => value is JValue { Value: string { Length: > 0 } text } ? text : null;

    /// <summary>"https://index.docker.io/v1/" and "index.docker.io" are the same entry.</summary>
    private static string Normalise(string key)
    {
        int scheme = key.IndexOf("://", StringComparison.Ordinal);
        string text = (scheme < 0 ? key : key[(scheme + 3)..]).TrimEnd('/');
        return text.EndsWith("/v1", StringComparison.Ordinal) || text.EndsWith("/v2", StringComparison.Ordinal) ? text[..^3] : text;
    }
}
