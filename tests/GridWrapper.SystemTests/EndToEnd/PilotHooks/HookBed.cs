using GridWrapper.Tests.Documentation;

namespace GridWrapper.SystemTests.EndToEnd.PilotHooks;

/// <summary>The hooks as a site installs them: the directory beside the executable, and the link that its README asks for.</summary>
internal static class HookBed
{
    private static readonly Lazy<string> s_directory = new(Install);

    /// <summary>Holds `gridwrap` and `pilot-hooks/`; below /tmp, readable by everybody.</summary>
    internal static string Directory => s_directory.Value;

    internal static string Hooks => Path.Combine(Directory, "pilot-hooks");

    internal static string Bin => Path.Combine(Hooks, "bin");

    /// <summary>A script run by a shell as the area's user, with the hooks' variables as a pilot's wrapper has them.</summary>
    internal static Area Shell(string shell = "/bin/bash")
    {
        Area area = new() { Program = shell };
        area.Variables["GRIDWRAP_HOOKS"] = Hooks;
        area.Variables["HOME"] = area.Root;
        return area;
    }

    private static string Install()
    {
        string directory = Path.Combine(Testbed.Base, "opt");
        System.IO.Directory.CreateDirectory(directory);
        Tool.Run("/bin/cp", "-p", Testbed.Program, Path.Combine(directory, "gridwrap"));
        Tool.Run("/bin/cp", "-a", Repository.PathOf("pilot-hooks"), directory);
        string link = Path.Combine(directory, "pilot-hooks/bin/gridwrap");
        File.Delete(link);
        File.CreateSymbolicLink(link, "../../gridwrap");
        return directory;
    }
}
