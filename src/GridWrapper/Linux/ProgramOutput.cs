using System.IO.Pipes;

namespace GridWrapper.Linux;

/// <summary>What a small program prints, with a deadline.</summary>
internal static class ProgramOutput
{
    /// <returns>Its stdout and stderr; null when it could not be started, failed, or did not end in time.</returns>
    internal static async Task<string?> ReadAsync(string program, ImmutableArray<string> arguments, TimeSpan limit, CancellationToken ct)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(limit);
        using AnonymousPipeServerStream output = new(PipeDirection.In);
        ChildProcess child;
        try
        {
            child = ChildProcess.Start(new ChildSpec
            {
                Program = program,
                Argv = [program, .. arguments],
                Environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"],
                Descriptors = [(1, (int)output.ClientSafePipeHandle.DangerousGetHandle()), (2, (int)output.ClientSafePipeHandle.DangerousGetHandle())],
            });
        }
        catch (LinuxException)
        {
            return null;
        }

        output.DisposeLocalCopyOfClientHandle();
        try
        {
            using StreamReader reader = new(output);
            // A read of an anonymous pipe cannot be cancelled: it ends with the child, which is killed below.
            string text = await reader.ReadToEndAsync(ct).WaitAsync(deadline.Token);
            return (await child.Exit.WaitAsync(deadline.Token)).Code == 0 ? text : null;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            child.Signal(Libc.SIGKILL);
        }
    }
}
