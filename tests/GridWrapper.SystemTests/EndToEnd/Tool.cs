using System.Diagnostics;

namespace GridWrapper.SystemTests.EndToEnd;

/// <summary>Programs of the test machine, run to their end.</summary>
internal static class Tool
{
    /// <returns>What it wrote to stdout.</returns>
    internal static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit {process.ExitCode}: {errors}{await output}");
    }

    internal static string Run(string program, params string[] arguments) => RunAsync(program, arguments).GetAwaiter().GetResult();
}
