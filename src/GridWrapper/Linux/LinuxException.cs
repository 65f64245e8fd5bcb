namespace GridWrapper.Linux;

/// <summary>A system call failed where the caller did not expect it.</summary>
internal sealed class LinuxException : IOException
{
    internal LinuxException(string call, string subject, int errno)
        : base($"{call}({subject}): {Linux.Errno.Name(errno)}")
    {
        Call = call;
        Errno = errno;
    }

    internal string Call { get; }

    internal int Errno { get; }

    internal string ErrnoName => Linux.Errno.Name(Errno);
}
