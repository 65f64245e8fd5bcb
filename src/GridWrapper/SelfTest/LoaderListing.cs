using System.IO.Pipes;
using GridWrapper.Linux;

namespace GridWrapper.SelfTest;

/// <summary>
/// The loader's own answer to "which libraries would you load?" (`ld.so --list PROGRAM`, ld.so(8)), for nodes whose libraries lie where our search
/// does not look. The program itself is not run.
/// </summary>
internal static class LoaderListing
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(5);

    /// <summary>Library name → path. Empty if the loader could not be run or did not answer in time.</summary>
    internal static async Task<ImmutableDictionary<string, string>> RunAsync(string loader, string program, CancellationToken ct)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(s_deadline);
        using AnonymousPipeServerStream output = new(PipeDirection.In);
        ChildProcess child;
        try
        {
            child = ChildProcess.Start(new ChildSpec
            {
                Program = loader,
                Argv = [loader, "--list", program],
                Environment = [],
                Descriptors = [(1, (int)output.ClientSafePipeHandle.DangerousGetHandle()), (2, (int)output.ClientSafePipeHandle.DangerousGetHandle())],
            });
        }
        catch (LinuxException)
        {
            return ImmutableDictionary<string, string>.Empty;
        }

        output.DisposeLocalCopyOfClientHandle();
        try
        {
            using StreamReader reader = new(output);
            // A read of an anonymous pipe cannot be cancelled: it ends with the child, which is killed below.
            string text = await reader.ReadToEndAsync(ct).WaitAsync(deadline.Token);
            ChildExit exit = await child.Exit.WaitAsync(deadline.Token);
            return exit.Code == 0 ? Parse(text) : ImmutableDictionary<string, string>.Empty;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return ImmutableDictionary<string, string>.Empty;
        }
        finally
        {
            child.Signal(Libc.SIGKILL);
        }
    }

    /// <summary>Reads lines of the form "NAME => /PATH (0x…)"; others (the vDSO, the loader itself) carry nothing that is searched for.</summary>
    internal static ImmutableDictionary<string, string> Parse(string listing)
    {
        const string Arrow = " => ";
        ImmutableDictionary<string, string>.Builder paths = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (string line in listing.Split('\n'))
        {
            int arrow = line.IndexOf(Arrow, StringComparison.Ordinal);
            int end = line.LastIndexOf(" (0x", StringComparison.Ordinal);
            if (arrow > 0 && end > arrow && line[arrow + Arrow.Length] == '/')
            {
                paths[line[..arrow].Trim()] = line[(arrow + Arrow.Length)..end];
            }
        }

        return paths.ToImmutable();
    }
}
