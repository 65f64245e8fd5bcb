using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>What the kernel told this program at its start.</summary>
internal static unsafe partial class Libc
{
    [LibraryImport("libc.so.6", EntryPoint = "getauxval")]
    internal static partial nuint AuxiliaryValue(nuint type);
}
