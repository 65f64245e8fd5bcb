using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>errno values and their names. The table is Mono.Posix's managed enumeration, whose numbers are Linux's.</summary>
internal static class Errno
{
    internal const int ENOENT = 2;
    internal const int ESRCH = 3;
    internal const int EINTR = 4;
    internal const int EIO = 5;
    internal const int ENXIO = 6;
    internal const int EBADF = 9;
    internal const int ECHILD = 10;
    internal const int EAGAIN = 11;
    internal const int EACCES = 13;
    internal const int EPERM = 1;
    internal const int EEXIST = 17;
    internal const int EXDEV = 18;
    internal const int ENODEV = 19;
    internal const int ENOTDIR = 20;
    internal const int EISDIR = 21;
    internal const int EINVAL = 22;
    internal const int ENOTTY = 25;
    internal const int ENOSPC = 28;
    internal const int EROFS = 30;
    internal const int EMLINK = 31;
    internal const int ERANGE = 34;
    internal const int ENAMETOOLONG = 36;
    internal const int ENOSYS = 38;
    internal const int ENOTEMPTY = 39;
    internal const int ELOOP = 40;
    internal const int ENODATA = 61;
    internal const int EOPNOTSUPP = 95;
    internal const int ECONNABORTED = 103;
    internal const int ENOTCONN = 107;
    internal const int ETIMEDOUT = 110;
    internal const int EDQUOT = 122;

    /// <summary>"ENOENT" for 2; "errno 4711" for a number without a name. What every run meets is named without the table, which takes milliseconds to load, and which would give 11 its older name.</summary>
    internal static string Name(int errno) => errno switch
    {
        EPERM => nameof(EPERM),
        EAGAIN => nameof(EAGAIN),
        ENOENT => nameof(ENOENT),
        EACCES => nameof(EACCES),
        EINVAL => nameof(EINVAL),
        _ => Enum.IsDefined((Mono.Unix.Native.Errno)errno) ? ((Mono.Unix.Native.Errno)errno).ToString() : string.Create(CultureInfo.InvariantCulture, $"errno {errno}"),
    };

    /// <summary>The errno of the last P/Invoke that was declared with SetLastError.</summary>
    internal static int Last => Marshal.GetLastPInvokeError();
}
