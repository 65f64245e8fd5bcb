namespace GridWrapper.Linux;

/// <summary>The terminal that this program was started at, by one of its descriptors, and how it was set then.</summary>
internal sealed unsafe class Terminal
{
    /// <summary>struct termios has 60 bytes.</summary>
    private const int ModesBytes = 128;

    private readonly int _fd;
    private readonly byte[] _before = new byte[ModesBytes];

    /// <param name="fd">Of a terminal.</param>
    internal Terminal(int fd)
    {
        _fd = fd;
        fixed (byte* modes = _before)
        {
            _ = Libc.TerminalModes(fd, modes);
        }
    }

    /// <summary>Stderr is a terminal on which lines can be drawn again.</summary>
    internal static bool ShowsProgress => Libc.IsTerminal(2) != 0 && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    /// <summary>Both ends of a conversation are one: standard input and standard output.</summary>
    internal static bool IsInteractive => Libc.IsTerminal(0) != 0 && Libc.IsTerminal(1) != 0;

    /// <summary>This program may read from it and change it without being stopped for that: its process group is the one that has the keyboard.</summary>
    internal bool IsOurs => IsForeground(_fd);

    internal static bool IsForeground(int fd) => Libc.ForegroundGroup(fd) == Libc.GetProcessGroup();

    /// <summary>Every key goes through as it is.</summary>
    internal void MakeRaw()
    {
        byte* raw = stackalloc byte[ModesBytes];
        _before.CopyTo(new Span<byte>(raw, ModesBytes));
        Libc.MakeRaw(raw);
        Set(_fd, raw);
    }

    internal void Restore()
    {
        fixed (byte* modes = _before)
        {
            Set(_fd, modes);
        }
    }

    /// <summary>Another terminal gets the modes that this one had, and its size.</summary>
    internal void CopyTo(int other)
    {
        fixed (byte* modes = _before)
        {
            Set(other, modes);
        }

        CopySizeTo(other);
    }

    /// <summary>Programs at the other terminal are told when that changes it.</summary>
    internal void CopySizeTo(int other)
    {
        ulong size = 0;
        if (Libc.Ioctl(_fd, Libc.TIOCGWINSZ, (nint)(&size)) == 0)
        {
            _ = Libc.Ioctl(other, Libc.TIOCSWINSZ, (nint)(&size));
        }
    }

    private static void Set(int fd, byte* modes)
    {
        while (Libc.SetTerminalModes(fd, Libc.TCSADRAIN, modes) != 0 && Errno.Last == Errno.EINTR)
        {
        }
    }
}
