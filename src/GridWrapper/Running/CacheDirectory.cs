using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Running;

/// <summary>The node's cache directory: ours, mode 0700.</summary>
internal static class CacheDirectory
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes it if it is missing, and refuses one that belongs to somebody else: /tmp is everybody's.</summary>
    /// <exception cref="GridWrapperException">It cannot be made or is not ours.</exception>
    internal static void Ensure(string path)
    {
        try
        {
            DirectoryInfo directory = Directory.CreateDirectory(path, Private);
            if (directory.LinkTarget is not null)
            {
                throw Refused(path, "is a symbolic link");
            }

            // chmod succeeds for the owner only, which is the question.
            if (directory.UnixFileMode != Private)
            {
                directory.UnixFileMode = Private;
            }

            if (FileOwner.Of(path) is var owner && owner != Libc.GetUid())
            {
                throw Refused(path, string.Create(CultureInfo.InvariantCulture, $"belongs to uid {owner}"));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(path, e.Message, e);
        }
    }

    private static GridWrapperException Refused(string path, string why, Exception? inner = null) =>
        new(
            new Failure
            {
                Blame = Blame.Site,
                Phase = Phase.Materialise,
                Step = "make-cache",
                PilotErrorCode = PilotError.Mkdir,
                Message = $"the cache directory {path} cannot be used: it {why}. Name another with --cache, GRIDWRAP_CACHE or the site profile",
                Retryable = true,
                ExitCode = ExitCodes.TryElsewhere,
            },
            inner);
}
