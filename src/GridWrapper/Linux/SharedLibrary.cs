using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>Libraries of the node that are used where they are there.</summary>
internal static class SharedLibrary
{
    /// <summary>Where distributions keep them.</summary>
    internal static readonly ImmutableArray<string> Directories =
        ["/usr/lib64", "/lib64", "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/lib"];

    /// <summary>Null, or that it is not there. A library once loaded stays.</summary>
    internal static string? Missing(string name) => NativeLibrary.TryLoad(name, out _) ? null : $"this node has no {name}";
}
