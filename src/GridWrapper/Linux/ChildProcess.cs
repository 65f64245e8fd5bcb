namespace GridWrapper.Linux;

/// <summary>
/// A child started by posix_spawn(3) and waited for with wait4(2). Signal dispositions and mask are reset to default in the child, so that nothing of the
/// runtime's own set-up is inherited. The child is started and waited for on one thread, because PR_SET_PDEATHSIG in a child fires when the parent
/// *thread* ends, not the process: a dedicated one (<see cref="Start"/>), or the caller's own (<see cref="StartHere"/>).
/// </summary>
internal sealed class ChildProcess
{
    private readonly TaskCompletionSource<ChildExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private bool _reaped;

    private ChildProcess()
    {
    }

    internal int Pid { get; private set; }

    /// <summary>Completes when the child was reaped. Never completes for a child stuck in the kernel: wait with a deadline.</summary>
    internal Task<ChildExit> Exit => _exit.Task;

    /// <summary>Starts the child.</summary>
    /// <exception cref="LinuxException">posix_spawn failed: program missing (ENOENT), not executable (EACCES), no processes (EAGAIN)…</exception>
    internal static ChildProcess Start(ChildSpec spec)
    {
        ChildProcess child = new();
        using ManualResetEventSlim started = new();
        int error = 0;
        Thread thread = new(() => child.Live(spec, e => { error = e; started.Set(); }), 128 * 1024) { IsBackground = true, Name = "child" };
        thread.Start();
        started.Wait();
        return error == 0 ? child : throw new LinuxException("posix_spawn", spec.Program, error);
    }

    /// <summary>Sends a signal to the child, or to its process group if <paramref name="group"/>; nothing if it was already reaped.</summary>
    internal void Signal(int signal, bool group = false)
    {
        lock (_lock)
        {
            if (!_reaped)
            {
                _ = Libc.Kill(group ? -Pid : Pid, signal);
            }
        }
    }

    /// <summary>Starts the child as one of the calling thread, which must not end before it and reaps it by <see cref="Reap"/>. For a caller that waits anyway.</summary>
    /// <exception cref="LinuxException">As for <see cref="Start"/>.</exception>
    internal static ChildProcess StartHere(ChildSpec spec)
    {
        ChildProcess child = new();
        int error = Spawn(spec, out int pid);
        child.Pid = pid;
        return error == 0 ? child : throw new LinuxException("posix_spawn", spec.Program, error);
    }

    /// <summary>Blocks until the child has ended, and takes its exit. On the thread that started it.</summary>
    internal unsafe ChildExit Reap(bool killGroup = false)
    {
        int status = 0;
        Libc.ResourceUsage usage = default;
        // WNOWAIT first, so that the pid cannot be reused while a signal is being sent.
        while (WaitWithoutReaping(Pid) == Errno.EINTR)
        {
        }

        lock (_lock)
        {
            if (killGroup)
            {
                _ = Libc.Kill(-Pid, Libc.SIGKILL);
            }

            _reaped = true;
            while (Libc.Wait4(Pid, &status, 0, &usage) < 0 && Errno.Last == Errno.EINTR)
            {
            }
        }

        return ChildExit.From(status, usage);
    }

    private void Live(ChildSpec spec, Action<int> started)
    {
        int pid = 0;
        int error = spec.WorkingDirectory is null ? 0 : ChangeDirectory(spec.WorkingDirectory);
        if (error == 0)
        {
            error = Spawn(spec, out pid);
        }

        Pid = pid;
        started(error);
        if (error == 0)
        {
            _exit.SetResult(Reap(spec is { NewProcessGroup: true, KillGroupAtExit: true }));
        }
    }

    /// <summary>posix_spawn learnt to change the directory in glibc 2.29 only. This thread leaves the working directory that it shares with the others.</summary>
    private static unsafe int ChangeDirectory(string path)
    {
        const int FileSystemState = 0x200;
        using NativeStrings strings = new();
        return Libc.Unshare(FileSystemState) == 0 && Libc.ChangeDirectory(strings.Add(path)) == 0 ? 0 : Errno.Last;
    }

    private static unsafe int WaitWithoutReaping(int pid)
    {
        const int Pid = 1, Exited = 4, NoWait = 0x01000000;
        byte* info = stackalloc byte[128];
        return Libc.WaitId(Pid, pid, info, Exited | NoWait) == 0 ? 0 : Errno.Last;
    }

    private static unsafe int Spawn(ChildSpec spec, out int pid)
    {
        // Opaque glibc types: posix_spawn_file_actions_t is 80 bytes, posix_spawnattr_t 336, sigset_t 128; generous buffers keep us safe.
        byte* actions = stackalloc byte[512];
        byte* attributes = stackalloc byte[1024];
        byte* none = stackalloc byte[128];
        byte* all = stackalloc byte[128];
        new Span<byte>(none, 128).Clear();
        new Span<byte>(all, 128).Fill(0xff);
        using NativeStrings strings = new();
        _ = Libc.SpawnFileActionsInit(actions);
        _ = Libc.SpawnAttributesInit(attributes);
        try
        {
            AddDescriptors(actions, spec);
            const short SetGroup = 2, SetDefault = 4, SetMask = 8;
            _ = Libc.SpawnAttributesSetMask(attributes, none);
            _ = Libc.SpawnAttributesSetDefault(attributes, all);
            _ = Libc.SpawnAttributesSetGroup(attributes, 0);
            _ = Libc.SpawnAttributesSetFlags(attributes, (short)(SetDefault | SetMask | (spec.NewProcessGroup ? SetGroup : 0)));
            int newPid = 0;
            int error = Libc.PosixSpawn(&newPid, strings.Add(spec.Program), actions, attributes, strings.AddArray(spec.Argv), strings.AddArray(spec.Environment));
            pid = newPid;
            return error;
        }
        finally
        {
            _ = Libc.SpawnAttributesDestroy(attributes);
            _ = Libc.SpawnFileActionsDestroy(actions);
        }
    }

    /// <summary>Targets may collide with sources, so every source is first moved out of the way, to numbers above all of them.</summary>
    private static unsafe void AddDescriptors(byte* actions, ChildSpec spec)
    {
        int parking = 3;
        foreach ((int child, int parent) in spec.Descriptors)
        {
            parking = Math.Max(parking, Math.Max(child, parent) + 1);
        }

        int park = parking;
        foreach ((_, int parent) in spec.Descriptors)
        {
            _ = Libc.SpawnFileActionsAddDup2(actions, parent, park++);
        }

        park = parking;
        foreach ((int target, _) in spec.Descriptors)
        {
            _ = Libc.SpawnFileActionsAddDup2(actions, park, target);
            _ = Libc.SpawnFileActionsAddClose(actions, park++);
        }
    }
}
