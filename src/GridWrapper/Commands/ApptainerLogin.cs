using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Running;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Commands;

/// <summary>
/// `remote login` and `registry login`: PanDA's pilot writes such a line before a payload whose image is private. The credentials go where Apptainer keeps them, in docker's
/// form, for the owner alone.
/// </summary>
internal static class ApptainerLogin
{
    private const string Name = "docker-config.json";

    /// <summary>The settings with that file as the credentials of registries, where it is there and nobody named another.</summary>
    internal static RunSettings With(RunSettings caller) =>
        caller.RegistryConfig is null && string.IsNullOrEmpty(caller.Environment.GetValueOrDefault("REGISTRY_AUTH_FILE")) && File.Exists(PathOf(caller))
            ? caller with { RegistryConfig = PathOf(caller) }
            : caller;

    /// <returns>The exit code.</returns>
    internal static async Task<int> LoginAsync(ApptainerWords words, RunSettings caller)
    {
        string host = Host(words);
        string? password = words.Has(ApptainerMeaning.PasswordFromInput) ? (await Console.In.ReadToEndAsync()).TrimEnd('\r', '\n') : words.Last(ApptainerMeaning.Password);
        if (words.Last(ApptainerMeaning.User) is not { Length: > 0 } user || password is not { Length: > 0 })
        {
            throw GridWrapperException.BadCommandLine("login needs -u USER and -p PASSWORD or --password-stdin");
        }

        Change(words, caller, auths => auths[host] = new JObject { ["auth"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")) });
        return 0;
    }

    /// <returns>The exit code.</returns>
    internal static int Logout(ApptainerWords words, RunSettings caller)
    {
        Change(words, caller, auths => auths.Remove(Host(words)));
        return 0;
    }

    private static string Host(ApptainerWords words) => words.Rest is [{ } url]
        ? (url.Contains("://", StringComparison.Ordinal) ? url[(url.IndexOf("://", StringComparison.Ordinal) + 3)..] : url).Split('/')[0]
        : throw GridWrapperException.BadCommandLine("login and logout need the registry: docker://HOST");

    private static string PathOf(RunSettings caller) => caller.Environment.GetValueOrDefault("HOME") is ['/', ..] home && Directory.Exists(home)
        ? Path.Combine(home, ".apptainer", Name)
        : Path.Combine(caller.CacheDirectory, Name);

    private static void Change(ApptainerWords words, RunSettings caller, Action<JObject> change)
    {
        if (words.Last(ApptainerMeaning.AuthenticationFile) is null && PathOf(caller).StartsWith(caller.CacheDirectory, StringComparison.Ordinal))
        {
            new CacheDirectory(caller.CacheDirectory).Prepare();
        }

        string file = words.Last(ApptainerMeaning.AuthenticationFile) is { } named ? Path.GetFullPath(named, caller.WorkDirectory) : PathOf(caller);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            JObject document = File.Exists(file) ? JObject.Parse(File.ReadAllText(file)) : [];
            JObject auths = document["auths"] as JObject ?? [];
            change(auths);
            document["auths"] = auths;
            Write(file, document.ToString(Formatting.Indented));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw GridWrapperException.BadInput("login", $"the credentials could not be kept in {file}: {e.Message}");
        }
    }

    /// <summary>A new file in the old one's place: nobody reads half of it, and its mode is ours from the first byte.</summary>
    private static void Write(string file, string text)
    {
        string fresh = $"{file}.{Guid.NewGuid():N}";
        using (FileStream stream = new(fresh, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
        }

        File.Move(fresh, file, overwrite: true);
    }
}
