using System.Diagnostics;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Programs of the test machine, run to their end.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(9);

    /// <returns>What it wrote to stdout.</returns>
    /// <exception cref="TimeoutException">It, or something that holds its stdout or stderr, did not end; it was killed.</exception>
    internal static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        using CancellationTokenSource limit = new(Patience);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
            string errors = await process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0
                ? await output
                : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit {process.ExitCode}: {errors}{await output}");
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {Patience.TotalMinutes} minutes", e);
        }
    }

    internal static string Run(string program, params string[] arguments) => RunAsync(program, arguments).GetAwaiter().GetResult();
}
