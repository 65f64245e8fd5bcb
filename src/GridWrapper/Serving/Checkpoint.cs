using System.Runtime.InteropServices;

namespace GridWrapper.Serving;

/// <summary>A place of a gzip blob where inflating can begin. Laid out so that a table of them can be written and read as it lies in memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Checkpoint
{
    /// <summary>As <see cref="Bits"/>: the next byte is the first of a gzip member's header.</summary>
    internal const int AtMember = -1;

    /// <summary>The next byte of the blob.</summary>
    internal long Packed;

    /// <summary>The next byte of the archive.</summary>
    internal long Unpacked;

    /// <summary>Where in the file of checkpoints the window begins: what came out just before.</summary>
    internal long WindowAt;

    /// <summary>Bytes of it in the file; deflated where that is less than its length.</summary>
    internal int WindowBytes;
    internal int WindowLength;

    /// <summary>CRC-32C of it as it lies in the file.</summary>
    internal uint WindowSum;

    /// <summary>How many bits of the byte before the next one have not been used.</summary>
    internal int Bits;
}
