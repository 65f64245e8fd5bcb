using GridWrapper.Diagnostics;

namespace GridWrapper.Reporting;

/// <summary>Where the bearer token comes from. Never holds more of it in texts than "***".</summary>
internal abstract class TokenSource
{
    private TokenSource()
    {
    }

    /// <summary>The token as it is now.</summary>
    /// <exception cref="GridWrapperException">There is none.</exception>
    internal abstract string Read();

    /// <summary>A file, read again for each call because tokens are renewed on disk.</summary>
    internal sealed class InFile(string path) : TokenSource
    {
        internal string Path => path;

        public override string ToString() => path;

        internal override string Read()
        {
            string token;
            try
            {
                token = File.ReadAllText(path).Trim();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CredentialFault.Of("read-token", $"the bearer token file {path} cannot be read ({e.GetType().Name}): check that it exists and belongs to this user", e);
            }

            return token.Length > 0 && !token.Any(static c => char.IsWhiteSpace(c) || char.IsControl(c))
                ? token
                : throw CredentialFault.Of("read-token", $"the bearer token file {path} does not hold one token: renew it");
        }
    }

    /// <summary>The token itself, given in the environment.</summary>
    internal sealed class Given(string token) : TokenSource
    {
        public override string ToString() => "(given in the environment)";

        internal override string Read() => token;
    }
}
