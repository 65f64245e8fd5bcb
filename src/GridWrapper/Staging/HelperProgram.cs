using System.IO.Pipes;
using GridWrapper.Linux;

namespace GridWrapper.Staging;

/// <summary>
/// A program of the node that moves a file (xrdcp, cp). It is found and executed by a shell, in a process of its own, because PATH and the program may lie on a
/// file system that hangs; and it is ended when it moves nothing.
/// </summary>
internal static class HelperProgram
{
    private const int KeptErrorBytes = 64 * 1024;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs a program to its end.</summary>
    /// <param name="words">Its name, looked up on PATH when it holds no slash, and its arguments.</param>
    /// <param name="context">Whose environment it gets.</param>
    /// <param name="sink">Gets what it writes to stdout.</param>
    /// <param name="guard">Ends it.</param>
    /// <exception cref="OperationCanceledException">The guard, or the caller behind it.</exception>
    internal static async Task<HelperEnd> RunAsync(ImmutableArray<string> words, StorageContext context, Action<ReadOnlySpan<byte>> sink, StallGuard guard)
    {
        using AnonymousPipeServerStream output = new(PipeDirection.In, HandleInheritability.None);
        using AnonymousPipeServerStream errors = new(PipeDirection.In, HandleInheritability.None);
        ChildProcess child = Start(words, context, output, errors);
        using MemoryStream said = new();
        Task reading = Task.WhenAll(
            Task.Run(() => Read(output, sink), CancellationToken.None),
            Task.Run(() => Read(errors, piece => said.Write(piece[..(int)Math.Min(piece.Length, KeptErrorBytes - said.Length)])), CancellationToken.None));
        try
        {
            Task ended = Task.WhenAll(reading, child.Exit);
            long seen = 0;
            while (await Task.WhenAny(ended, Task.Delay(LookEvery, guard.Token)) != ended)
            {
                guard.Token.ThrowIfCancellationRequested();
                long moved = Moved(child.Pid);
                guard.Moved(Math.Max(0, moved - seen));
                seen = Math.Max(seen, moved);
            }

            await ended;
            return new HelperEnd((await child.Exit).Code, Encoding.UTF8.GetString(said.ToArray()));
        }
        finally
        {
            // A child that hangs in the kernel keeps its pipes: the readers are then abandoned with it, and closing this end would wait for them.
            child.Signal(Libc.SIGKILL, group: true);
            await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(2), CancellationToken.None));
        }
    }

    private static ChildProcess Start(ImmutableArray<string> words, StorageContext context, AnonymousPipeServerStream output, AnonymousPipeServerStream errors)
    {
        using FileStream nothing = new("/dev/null", FileMode.Open, FileAccess.Read);
        try
        {
            ChildProcess child = ChildProcess.Start(new ChildSpec
            {
                Program = "/bin/sh",
                Argv = ["sh", "-c", "exec \"$@\"", "sh", .. words],
                Environment = [.. context.Environment.Where(v => v.Key is not ("LC_ALL" or "LANG")).Select(v => $"{v.Key}={v.Value}"), "LC_ALL=C"],
                Descriptors = [(0, Number(nothing.SafeFileHandle)), (1, Number(output.ClientSafePipeHandle)), (2, Number(errors.ClientSafePipeHandle))],
                NewProcessGroup = true,
                KillGroupAtExit = true,
            });
            output.DisposeLocalCopyOfClientHandle();
            errors.DisposeLocalCopyOfClientHandle();
            return child;
        }
        catch (LinuxException e)
        {
            throw new StorageException(StorageTrouble.Unusable, $"{words[0]} could not be started: {e.ErrnoName}", e);
        }
    }

    private static int Number(System.Runtime.InteropServices.SafeHandle handle) => (int)handle.DangerousGetHandle();

    private static void Read(AnonymousPipeServerStream pipe, Action<ReadOnlySpan<byte>> sink)
    {
        byte[] piece = new byte[64 * 1024];
        for (int got = pipe.Read(piece); got > 0; got = pipe.Read(piece))
        {
            sink(piece.AsSpan(0, got));
        }
    }

    /// <summary>Bytes that a process read and wrote so far; 0 when the kernel does not say.</summary>
    private static long Moved(int pid)
    {
        try
        {
            return File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/io")).Take(2).Sum(l => long.Parse(l.AsSpan(l.IndexOf(':', StringComparison.Ordinal) + 1), CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return 0;
        }
    }
}

/// <summary>How a helper ended.</summary>
/// <param name="Code">127 when there is no such program.</param>
/// <param name="Errors">Its stderr.</param>
internal sealed record HelperEnd(int Code, string Errors)
{
    /// <summary>The last line that says something.</summary>
    internal string LastWords => Errors.Split(['\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault(string.Create(CultureInfo.InvariantCulture, $"exit code {Code}"));
}
