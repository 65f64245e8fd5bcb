using System.Runtime.InteropServices;

namespace GridWrapper.Linux;

/// <summary>
/// By which path this program was executed. The kernel's own answer (getauxval(3), AT_EXECFN): argv[0] is whatever the caller likes, and the runtime of a single file tells the file
/// that a link points to.
/// </summary>
internal static unsafe class CalledAs
{
    private const nuint FileName = 31;

    /// <summary>The last component of that path; empty where the kernel does not say.</summary>
    internal static string Name => Marshal.PtrToStringUTF8((nint)Libc.AuxiliaryValue(FileName)) is { } path ? path[(path.LastIndexOf('/') + 1)..] : "";
}
