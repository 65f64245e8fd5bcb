using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Keeps repositories from being unmounted by autofs while a payload runs. Binds and overlays in another mount namespace do not count as use; a process of the
/// node's own namespace that stands in the directory does. That process is a shell (a megabyte, where another copy of ourselves would take thirty), one per
/// repository, that waits on a pipe: when we close our end, or die, it ends. We never touch the repository ourselves.
/// </summary>
internal sealed class CvmfsKeeper : IAsyncDisposable
{
    private static readonly RoomLog Log = new(nameof(CvmfsKeeper));

    private static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(1);

    private readonly List<Keeper> _keepers = [];

    private CvmfsKeeper()
    {
    }

    /// <summary>Repositories that are held now.</summary>
    internal ImmutableArray<string> Held => [.. _keepers.Where(k => k.Standing).Select(k => k.Directory)];

    internal ImmutableArray<int> Pids => [.. _keepers.Select(k => k.Child.Pid)];

    /// <summary>
    /// Starts a keeper in each directory and waits until they stand there or the deadline passes. A repository that cannot be held is logged and is no failure.
    /// </summary>
    internal static async Task<CvmfsKeeper> StartAsync(ImmutableArray<string> directories, TimeSpan deadline, CancellationToken ct)
    {
        CvmfsKeeper keeper = new();
        foreach (string directory in directories.Distinct(StringComparer.Ordinal))
        {
            try
            {
                keeper._keepers.Add(Keeper.Start(directory));
            }
            catch (LinuxException e)
            {
                Log.Warn("Repository {Repository} cannot be kept mounted: {Reason}", directory, e.Message);
            }
        }

        await Task.WhenAll(keeper._keepers.Select(k => k.WaitAsync(deadline, ct)));
        foreach (Keeper lost in keeper._keepers.Where(k => !k.Standing))
        {
            Log.Warn("Repository {Repository} is not kept mounted: its directory could not be entered", lost.Directory);
        }

        return keeper;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Keeper keeper in _keepers)
        {
            keeper.Release();
        }

        Task ended = Task.WhenAll(_keepers.Select(k => k.Child.Exit));
        if (await Task.WhenAny(ended, Task.Delay(EndGrace)) != ended)
        {
            foreach (Keeper keeper in _keepers)
            {
                keeper.Child.Signal(Libc.SIGKILL);
            }
        }
    }

    private sealed class Keeper(string directory, ChildProcess child, int hold, int answer)
    {
        private int _hold = hold;

        internal string Directory => directory;

        internal ChildProcess Child => child;

        internal bool Standing { get; private set; }

        internal static unsafe Keeper Start(string directory)
        {
            int* hold = stackalloc int[2];
            int* answer = stackalloc int[2];
            hold[0] = hold[1] = answer[0] = answer[1] = -1;
            int error = Touch.Open(Libc.AT_FDCWD, "/dev/null", Libc.O_RDWR, out int nothing);
            error = error != 0 ? error : Libc.Pipe2(hold, Libc.O_CLOEXEC) != 0 || Libc.Pipe2(answer, Libc.O_CLOEXEC) != 0 ? Errno.Last : 0;
            try
            {
                ChildProcess child = error != 0 ? throw new LinuxException("pipe2", "keeper", error) : ChildProcess.Start(new ChildSpec
                {
                    Program = "/bin/sh",
                    Argv = ["gridwrap-keeper", "-c", "cd -- \"$1\" && echo standing && exec 1>&2 && read -r _", "gridwrap-keeper", directory],
                    Environment = ["PATH=/usr/bin:/bin", "LC_ALL=C"],
                    Descriptors = [(0, hold[0]), (1, answer[1]), (2, nothing)],
                    NewProcessGroup = true,
                });
                return new Keeper(directory, child, hold[1], answer[0]);
            }
            catch
            {
                Touch.Close(hold[1]);
                Touch.Close(answer[0]);
                throw;
            }
            finally
            {
                Touch.Close(hold[0]);
                Touch.Close(answer[1]);
                Touch.Close(nothing);
            }
        }

        internal Task<bool> WaitAsync(TimeSpan deadline, CancellationToken ct) =>
            Task.Factory.StartNew(() => Standing = Answers(deadline, ct), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        internal void Release()
        {
            Touch.Close(_hold);
            _hold = -1;
        }

        private unsafe bool Answers(TimeSpan deadline, CancellationToken ct)
        {
            const short In = 1;
            const int Glance = 50;
            byte first = 0;
            Libc.PollFd poll = new() { Fd = answer, Events = In };
            bool readable = false;
            for (double left = deadline.TotalMilliseconds; left > 0 && !readable && !ct.IsCancellationRequested; left -= Glance)
            {
                readable = Libc.Poll(&poll, 1, Glance) > 0;
            }

            bool standing = readable && Libc.Read(answer, &first, 1) == 1;
            Touch.Close(answer);
            return standing;
        }
    }
}
