using GridWrapper.Linux;
using GridWrapper.Probing;
using GridWrapper.Running;

namespace GridWrapper.Commands;

/// <summary>The caller as Apptainer sees it: the home is the account's, whatever HOME says, and registries may know the account by an earlier `remote login`.</summary>
internal static class ApptainerCaller
{
    private const string Accounts = "/etc/passwd";

    internal static RunSettings Create(OptionValues given)
    {
        RunSettings settings = SettingsReader.Read(given);
        return ApptainerLogin.With(File.Exists(Accounts) && Home(File.ReadAllText(Accounts), Libc.GetUid()) is { } home
            ? settings with { Environment = new Dictionary<string, string>(settings.Environment, StringComparer.Ordinal) { ["HOME"] = home } }
            : settings);
    }

    /// <summary>Null for an account that only a name service knows, or none: there HOME counts.</summary>
    internal static string? Home(string passwd, uint uid) =>
        UserLookup.Resolve(uid.ToString(CultureInfo.InvariantCulture), passwd, "") is { Home: ['/', ..] home } && home.Length > 1 ? home.TrimEnd('/') : null;
}
