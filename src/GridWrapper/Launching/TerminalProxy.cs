using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Launching;

/// <summary>
/// Stands between the terminal that gridwrap was started at and the payload, which gets one of its own: whatever the payload does to its terminal, typing commands into it
/// included, ends there. Ours passes every key on as it is meanwhile, and is put back as it was at the end and whenever gridwrap is stopped.
/// Where gridwrap runs in the background, only what the payload writes is passed on, until gridwrap is in the foreground.
/// </summary>
internal sealed unsafe class TerminalProxy : IDisposable
{
    /// <summary>Stands in a launch for the name of a terminal that is yet to be made.</summary>
    internal const string AnyName = "/dev/pts/N";

    private const int StackBytes = 128 * 1024;
    private const int BufferBytes = 32 * 1024;

    /// <summary>Nothing tells a process that it came into the foreground.</summary>
    private static readonly TimeSpan ForegroundCheck = TimeSpan.FromMilliseconds(300);

    private readonly Terminal _own = new(0);
    private readonly PseudoTerminal _pair;
    private readonly SafeFileHandle _wake;
    private readonly SafeFileHandle _wakeEnd;
    private readonly Lock _lock = new();
    private readonly Thread _screen;
    private readonly Thread _keyboard;
    private bool _raw;
    private bool _over;

    /// <summary>Null where the node gives no pseudo-terminal: then the payload has ours, and no control over it.</summary>
    internal static TerminalProxy? Open()
    {
        try
        {
            return new TerminalProxy(PseudoTerminal.Create());
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    private TerminalProxy(PseudoTerminal pair)
    {
        _pair = pair;
        (_wake, _wakeEnd) = Pipe.Create();
        _own.CopyTo(Outer);
        _screen = new Thread(ShowOutput, StackBytes) { IsBackground = true, Name = "screen" };
        _keyboard = new Thread(PassKeys, StackBytes) { IsBackground = true, Name = "keyboard" };
    }

    /// <summary>For the payload's standard streams that are terminals here.</summary>
    internal SafeFileHandle Payloads => _pair.Inner;

    /// <summary>The launch, with its terminal's name in it; without a terminal if there is none.</summary>
    internal static LaunchSpec Named(LaunchSpec spec, TerminalProxy? terminal) => !spec.Terminal ? spec : spec with
    {
        Terminal = terminal is not null,
        Operations = [.. spec.Operations.Select(o => o.Source == AnyName ? o with { Source = terminal?._pair.Name ?? AnyName } : o)],
    };

    private int Outer => (int)_pair.Outer.DangerousGetHandle();

    /// <summary>To be called when the payload's side has been handed over.</summary>
    internal void Start()
    {
        _pair.Inner.Dispose();
        _ = GoRaw();
        _screen.Start();
        _keyboard.Start();
    }

    /// <summary>Takes note of a signal to gridwrap. True when it is settled here, and the payload need not be told.</summary>
    internal bool Takes(int signal)
    {
        switch (signal)
        {
            case Libc.SIGWINCH:
                _own.CopySizeTo(Outer);
                return true;
            case Libc.SIGTSTP:
                Restore();
                return false;
            case Libc.SIGCONT:
                Continue();
                return false;
            default:
                return false;
        }
    }

    /// <summary>Shows what the payload wrote last, to its end; to be called when every process that had its side is gone.</summary>
    internal void Finish() => _screen.Join();

    public void Dispose()
    {
        lock (_lock)
        {
            _over = true;
        }

        Restore();
        _wakeEnd.Dispose();
        if (_keyboard.ThreadState != ThreadState.Unstarted && !_keyboard.Join(ForegroundCheck))
        {
            return; // it waits for room at the payload's side; both ends go with this process
        }

        _wake.Dispose();
        _pair.Dispose();
    }

    /// <summary>Whoever had the terminal meanwhile may have set it otherwise.</summary>
    private void Continue()
    {
        lock (_lock)
        {
            _raw = false;
        }

        _ = GoRaw();
        _own.CopySizeTo(Outer);
    }

    private bool GoRaw()
    {
        lock (_lock)
        {
            if (!_over && !_raw && _own.IsOurs)
            {
                _own.MakeRaw();
                _raw = true;
            }

            return _raw;
        }
    }

    /// <summary>In the background the terminal is the shell's, which has set it as it likes it.</summary>
    private void Restore()
    {
        lock (_lock)
        {
            if (_raw && _own.IsOurs)
            {
                _own.Restore();
            }

            _raw = false;
        }
    }

    private void ShowOutput()
    {
        byte* buffer = stackalloc byte[BufferBytes];
        bool shown = true;
        for (; ; )
        {
            nint count = Libc.Read(Outer, buffer, BufferBytes);
            if (count > 0)
            {
                shown = shown && Pipe.WriteAll(1, buffer, count);
            }
            else if (count == 0 || Errno.Last != Errno.EINTR)
            {
                return;
            }
        }
    }

    private void PassKeys()
    {
        byte* buffer = stackalloc byte[BufferBytes];
        while (!Ended(GoRaw() ? null : ForegroundCheck, out bool keys))
        {
            if (!keys || !_own.IsOurs)
            {
                continue;
            }

            nint count = Libc.Read(0, buffer, BufferBytes);
            if (count == 0 || (count < 0 && Errno.Last != Errno.EINTR) || (count > 0 && !Pipe.WriteAll(Outer, buffer, count)))
            {
                return;
            }
        }
    }

    /// <summary>Waits for a key, or, with a limit, for that long. True at the end.</summary>
    private bool Ended(TimeSpan? limit, out bool keys)
    {
        Libc.PollFd* polls = stackalloc Libc.PollFd[2];
        polls[0] = new Libc.PollFd { Fd = (int)_wake.DangerousGetHandle(), Events = 1 };
        polls[1] = new Libc.PollFd { Fd = limit is null ? 0 : -1, Events = 1 };
        int ready = Libc.Poll(polls, 2, limit is { } span ? (int)span.TotalMilliseconds : -1);
        keys = ready > 0 && polls[1].Returned != 0;
        return ready > 0 && polls[0].Returned != 0;
    }
}
