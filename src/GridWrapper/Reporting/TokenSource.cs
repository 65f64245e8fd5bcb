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
        private static readonly RoomLog Log = new(nameof(TokenSource));

        /// <summary>A newer one that the directory did not take, and the one that it follows.</summary>
        private volatile Tuple<string, string>? _held;

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
                ? _held is { } held && held.Item1 == token ? held.Item2 : token
                : throw CredentialFault.Of("read-token", $"the bearer token file {path} does not hold one token: renew it");
        }

        /// <summary>Puts a new token in the old one's place, whole or not at all, readable by its owner only. Where the directory does not take it this process keeps it for itself.</summary>
        internal void Replace(string old, string fresh)
        {
            _held = Tuple.Create(old, fresh);
            string partial = $"{path}.{Guid.NewGuid():N}";
            try
            {
                using (FileStream file = new(partial, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
                {
                    file.Write(Encoding.ASCII.GetBytes(fresh));
                }

                File.Move(partial, path, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.Warn("the renewed token cannot be written to {Path} and is kept in memory only: {Trouble}", path, FileTrouble.Describe(e));
                if (File.Exists(partial))
                {
                    File.Delete(partial);
                }
            }
        }
    }

    /// <summary>The token itself, given in the environment.</summary>
    internal sealed class Given(string token) : TokenSource
    {
        public override string ToString() => "(given in the environment)";

        internal override string Read() => token;
    }
}
