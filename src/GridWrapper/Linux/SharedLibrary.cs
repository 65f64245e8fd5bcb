using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>Libraries of the node that are used where they are there.</summary>
internal static class SharedLibrary
{
    /// <summary>Null, or that it is not there. A library once loaded stays.</summary>
    internal static string? Missing(string name) => NativeLibrary.TryLoad(name, out _) ? null : $"this node has no {name}";
}
