namespace GridWrapper.SelfTest;

/// <summary>Whom the loopback registry serves.</summary>
internal abstract record RegistryAccess
{
    private RegistryAccess()
    {
    }

    /// <summary>Everybody.</summary>
    internal sealed record Open : RegistryAccess;

    /// <summary>Those who send this user and password with every request.</summary>
    internal sealed record Basic(string User, string Password) : RegistryAccess;

    /// <summary>Those who bring the token that /token gives out, as Docker Hub and GitLab do.</summary>
    /// <param name="Token">The token.</param>
    /// <param name="User">Who may have it; null gives it to everybody.</param>
    /// <param name="Password">The user's password.</param>
    internal sealed record Bearer(string Token, string? User, string? Password) : RegistryAccess;
}
