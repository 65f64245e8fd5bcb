using System.Reflection;

namespace GridWrapper;

/// <summary>Version and commit that were built in.</summary>
internal static class ProductVersion
{
    /// <summary>e.g. "0.1.0".</summary>
    internal static string Number => Informational.Split('+')[0];

    /// <summary>Abbreviated commit, "unknown" outside a checkout.</summary>
    internal static string Commit => Informational.Contains('+', StringComparison.Ordinal) ? Informational.Split('+')[1] : "unknown";

    private static string Informational =>
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";
}
