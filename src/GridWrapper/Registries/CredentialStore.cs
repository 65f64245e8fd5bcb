namespace GridWrapper.Registries;

/// <summary>
/// The credential files of this user in the order in which they are asked: --registry-config, REGISTRY_AUTH_FILE, the profile's,
/// $XDG_RUNTIME_DIR/containers/auth.json, ~/.docker/config.json. Nothing is read before a registry asks for credentials.
/// </summary>
internal sealed class CredentialStore
{
    private readonly ImmutableArray<string> _paths;
    private readonly Lazy<ImmutableArray<CredentialFile>> _files;

    internal CredentialStore(ImmutableArray<string> paths)
    {
        _paths = paths;
        _files = new Lazy<ImmutableArray<CredentialFile>>(() => [.. _paths.Where(File.Exists).Select(CredentialFile.Read)]);
    }

    /// <param name="option">The value of --registry-config; it must exist.</param>
    /// <param name="profile">The site profile's file.</param>
    /// <param name="environment">Looks up an environment variable.</param>
    internal static CredentialStore Locate(string? option, string? profile, Func<string, string?> environment)
    {
        if (option is not null && !File.Exists(option))
        {
            throw Diagnostics.GridWrapperException.BadInput(
                "read-registry-credentials", $"--registry-config names {option}, which does not exist or cannot be read", Diagnostics.PilotError.NoSuchFile);
        }

        var paths = new List<string?> { option, environment("REGISTRY_AUTH_FILE"), profile };
        paths.Add(environment("XDG_RUNTIME_DIR") is { Length: > 0 } run ? Path.Combine(run, "containers/auth.json") : null);
        string? docker = environment("DOCKER_CONFIG") is { Length: > 0 } config ? config : environment("HOME") is { Length: > 0 } home ? Path.Combine(home, ".docker") : null;
        paths.Add(docker is null ? null : Path.Combine(docker, "config.json"));
        return new CredentialStore([.. paths.OfType<string>().Where(path => path.Length > 0)]);
    }

    /// <summary>Credentials for a repository, or null.</summary>
    /// <param name="note">What else is known, for the message when the registry refuses.</param>
    internal RegistryCredentials? Find(RegistryEndpoint endpoint, string repository, out string note)
    {
        note = _paths.IsEmpty || _files.Value.IsEmpty ? "no credential file was found" : $"none of {string.Join(", ", _files.Value.Select(f => f.Path))} has credentials for {endpoint.Host}";
        foreach (CredentialFile file in _files.Value)
        {
            if (file.Find(endpoint.CredentialNames, repository, out string? helper) is { } credentials)
            {
                note = $"the credentials of {file.Path} were used";
                return credentials;
            }

            if (helper is not null)
            {
                note = $"{file.Path} keeps the credentials for {endpoint.Host} in the helper program '{helper}', which gridwrap does not run; write them into a file for --registry-config";
            }
        }

        return null;
    }
}
