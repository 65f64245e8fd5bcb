using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>Terminals: tty_ioctl(2), termios(3), ptmx(4).</summary>
internal static unsafe partial class Libc
{
    internal const int O_NOCTTY = 0x100;
    internal const int SIGTSTP = 20;
    internal const int SIGSTOP = 19;

    /// <summary>Unlock a pseudo-terminal, its number, its other side, and the size of a window.</summary>
    internal const nuint TIOCSPTLCK = 0x40045431;
    internal const nuint TIOCGPTN = 0x80045430;
    internal const nuint TIOCGPTPEER = 0x5441;
    internal const nuint TIOCGWINSZ = 0x5413;
    internal const nuint TIOCSWINSZ = 0x5414;

    /// <summary>tcsetattr: once what was written has gone out.</summary>
    internal const int TCSADRAIN = 1;

    [LibraryImport("libc.so.6", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Ioctl(int fd, nuint request, nint argument);

    [LibraryImport("libc.so.6", EntryPoint = "tcgetattr", SetLastError = true)]
    internal static partial int TerminalModes(int fd, byte* modes);

    [LibraryImport("libc.so.6", EntryPoint = "tcsetattr", SetLastError = true)]
    internal static partial int SetTerminalModes(int fd, int when, byte* modes);

    [LibraryImport("libc.so.6", EntryPoint = "cfmakeraw")]
    internal static partial void MakeRaw(byte* modes);

    [LibraryImport("libc.so.6", EntryPoint = "tcgetpgrp", SetLastError = true)]
    internal static partial int ForegroundGroup(int fd);

    [LibraryImport("libc.so.6", EntryPoint = "getpgrp")]
    internal static partial int GetProcessGroup();
}
