namespace GridWrapper.Linux;

/// <summary>Removes a directory tree that a payload or an image filled: modes that forbid it are changed first, symbolic links are removed and never followed.</summary>
internal static class TreeRemoval
{
    private const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Removes what can be removed. What cannot (a file of another user, an unreadable mount) is left and does not throw.</summary>
    /// <returns>True when nothing is left.</returns>
    internal static bool Remove(string path)
    {
        DirectoryInfo root = new(path);
        if (!root.Exists || root.LinkTarget is not null)
        {
            return !root.Exists;
        }

        try
        {
            Open(root);
            root.Delete(recursive: true);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void Open(DirectoryInfo directory)
    {
        if ((directory.UnixFileMode & Mine) != Mine)
        {
            directory.UnixFileMode |= Mine;
        }

        foreach (DirectoryInfo child in directory.EnumerateDirectories())
        {
            if (child.LinkTarget is null)
            {
                Open(child);
            }
        }
    }
}
