namespace GridWrapper.Linux;

/// <summary>Who owns a file.</summary>
internal static unsafe class FileOwner
{
    private const uint StatxUid = 0x8;

    /// <summary>uid of the owner of <paramref name="path"/>, links not followed (statx(2)).</summary>
    /// <exception cref="LinuxException">The path cannot be examined.</exception>
    internal static uint Of(string path)
    {
        const int NoFollow = 0x100;
        using NativeStrings strings = new();

        // struct statx is 256 bytes; stx_uid is the 32-bit word at offset 20.
        byte* buffer = stackalloc byte[256];
        if (Libc.Statx(Libc.AT_FDCWD, strings.Add(path), NoFollow, StatxUid, buffer) != 0)
        {
            throw new LinuxException("statx", path, Errno.Last);
        }

        return *(uint*)(buffer + 20);
    }
}
