using System.Buffers.Binary;
using System.Numerics;

namespace GridWrapper.Serving;

/// <summary>CRC-32C (RFC 3720), in pieces: finds bytes that a disk damaged, and costs next to nothing.</summary>
internal static class Crc32C
{
    internal static uint Of(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>The sum of what a sum is of and of what comes behind it.</summary>
    internal static uint Append(uint sum, ReadOnlySpan<byte> bytes)
    {
        uint crc = ~sum;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }
}
