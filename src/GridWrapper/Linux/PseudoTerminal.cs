using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>A pair of pseudo-terminal ends: what a program has for a terminal, and where we stand in for the keyboard and the screen.</summary>
internal sealed unsafe class PseudoTerminal : IDisposable
{
    private PseudoTerminal(SafeFileHandle outer, string name, SafeFileHandle inner) => (Outer, Name, Inner) = (outer, name, inner);

    /// <summary>Of the program's end, on this node.</summary>
    internal string Name { get; }

    /// <summary>Our end. Its stream ends (EIO) once nobody has the other end open.</summary>
    internal SafeFileHandle Outer { get; }

    /// <summary>The program's end; to be closed here once the program has it.</summary>
    internal SafeFileHandle Inner { get; }

    /// <exception cref="LinuxException">The node gives none: no /dev/ptmx, or all are in use.</exception>
    internal static PseudoTerminal Create()
    {
        using NativeStrings strings = new();
        SafeFileHandle outer = Opened(Libc.Open(strings.Add("/dev/ptmx"), Libc.O_RDWR | Libc.O_NOCTTY | Libc.O_CLOEXEC, 0), "/dev/ptmx");
        try
        {
            int number = 0;
            string name = NameOf(outer);
            return Libc.Ioctl(Number(outer), Libc.TIOCSPTLCK, (nint)(&number)) == 0
                ? new PseudoTerminal(outer, name, OtherEnd(outer, name, strings))
                : throw new LinuxException("ioctl(TIOCSPTLCK)", "/dev/ptmx", Errno.Last);
        }
        catch
        {
            outer.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Inner.Dispose();
        Outer.Dispose();
    }

    /// <summary>By the pair itself, whatever is mounted on /dev/pts; before Linux 4.13 by name.</summary>
    private static SafeFileHandle OtherEnd(SafeFileHandle outer, string name, NativeStrings strings)
    {
        const int Flags = Libc.O_RDWR | Libc.O_NOCTTY | Libc.O_CLOEXEC;
        int fd = Libc.Ioctl(Number(outer), Libc.TIOCGPTPEER, Flags);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : Opened(Libc.Open(strings.Add(name), Flags, 0), name);
    }

    private static string NameOf(SafeFileHandle outer)
    {
        int number = 0;
        _ = Libc.Ioctl(Number(outer), Libc.TIOCGPTN, (nint)(&number));
        return string.Create(CultureInfo.InvariantCulture, $"/dev/pts/{number}");
    }

    private static SafeFileHandle Opened(int fd, string name) => fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw new LinuxException("open", name, Errno.Last);

    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();
}
