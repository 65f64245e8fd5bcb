namespace GridWrapper.Probing;

/// <summary>How a probe child is started: normally this very executable again.</summary>
/// <param name="Path">Absolute path of the program.</param>
/// <param name="LeadingArguments">What comes before "__probe".</param>
internal sealed record ProbeProgram(string Path, ImmutableArray<string> LeadingArguments)
{
    internal static ProbeProgram Self => new("/proc/self/exe", []);

    /// <summary>Nothing of the caller's environment: LD_LIBRARY_PATH or HOME may point into a file system that hangs.</summary>
    internal static ImmutableArray<string> ChildEnvironment
    {
        get
        {
            string? dotnetRoot = Environment.GetEnvironmentVariable("DOTNET_ROOT");
            return ["LC_ALL=C", "DOTNET_EnableDiagnostics=0", .. dotnetRoot is null ? (string[])[] : [$"DOTNET_ROOT={dotnetRoot}"]];
        }
    }
}
