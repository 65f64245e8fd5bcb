namespace GridWrapper.Registries;

/// <summary>What a credential file holds for a registry. The texts are secrets and have no ToString.</summary>
internal abstract class RegistryCredentials
{
    private RegistryCredentials()
    {
    }

    internal sealed class Basic(string user, string password) : RegistryCredentials
    {
        internal string HeaderValue { get; } = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
    }

    /// <summary>A refresh token, exchanged at the token server.</summary>
    internal sealed class IdentityToken(string token) : RegistryCredentials
    {
        internal string Token { get; } = token;
    }

    /// <summary>A token that the registry itself takes.</summary>
    internal sealed class RegistryToken(string token) : RegistryCredentials
    {
        internal string Token { get; } = token;
    }
}
