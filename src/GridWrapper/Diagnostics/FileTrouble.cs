using GridWrapper.Linux;

namespace GridWrapper.Diagnostics;

/// <summary>Says in words why a file operation of the base library failed. Its own messages differ from runtime to runtime and repeat the path.</summary>
internal static class FileTrouble
{
    /// <summary>"ENOENT (no such file or directory)" and the like; the type's name where nothing better is known.</summary>
    internal static string Describe(Exception exception) => exception switch
    {
        LinuxException linux => linux.ErrnoName,
        FileNotFoundException or DirectoryNotFoundException => "ENOENT (no such file or directory)",
        PathTooLongException => "ENAMETOOLONG (the path is too long)",
        UnauthorizedAccessException => "EACCES (permission denied, or it is a directory)",
        IOException when exception.HResult is > 0 and < 4096 => Errno.Name(exception.HResult),
        _ => exception.GetType().Name,
    };

    /// <summary>The symbolic errno alone, null where it is not known.</summary>
    internal static string? ErrnoName(Exception exception) => Describe(exception) is ['E', ..] text && text.Split(' ')[0] is { } name && name.All(char.IsAsciiLetterUpper) ? name : null;
}
