using System.Diagnostics;

namespace GridWrapper.Tests.SelfTest;

/// <summary>A program that was run to its end.</summary>
internal sealed record ToolRun(int ExitCode, string Output, string Errors)
{
    internal static async Task<ToolRun> RunAsync(string program, string workingDirectory, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = workingDirectory, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new ToolRun(process.ExitCode, await output, await errors);
    }

    /// <summary>Absolute path of a tool on PATH; the test is skipped where it is not installed.</summary>
    internal static string FindOrSkip(string name)
    {
        string? found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(d => Path.Combine(d, name)).FirstOrDefault(File.Exists);
        if (found is null)
        {
            Assert.Ignore($"{name} is not installed");
        }

        return found!;
    }
}
