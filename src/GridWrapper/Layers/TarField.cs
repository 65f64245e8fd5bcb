using System.Buffers.Binary;

namespace GridWrapper.Layers;

/// <summary>The fixed fields of a 512-byte tar header (POSIX ustar, GNU, star, v7).</summary>
internal static class TarField
{
    internal const int BlockBytes = 512;
    internal const int TypeOffset = 156;
    private const int ChecksumOffset = 148;

    /// <summary>Bytes up to the first NUL.</summary>
    internal static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }

    /// <summary>Octal digits, or base-256 where the first bit is set (GNU: large and negative numbers).</summary>
    /// <exception cref="InvalidDataException">Neither.</exception>
    internal static long Number(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
        {
            return Base256(field);
        }

        ReadOnlySpan<byte> digits = Text(field).Trim((byte)' ');
        long value = 0;
        foreach (byte digit in digits)
        {
            if (digit is < (byte)'0' or > (byte)'7' || value > long.MaxValue >> 3)
            {
                throw new InvalidDataException($"a tar header holds '{EntryPath.ForPeople(digits)}' where an octal number belongs");
            }

            value = (value << 3) | (long)(digit - '0');
        }

        return value;
    }

    /// <summary>The sum of all bytes with the checksum's own counted as blanks; some old writers summed signed bytes.</summary>
    internal static bool ChecksumHolds(ReadOnlySpan<byte> header)
    {
        long unsigned = 0;
        long signed = 0;
        for (int i = 0; i < BlockBytes; i++)
        {
            byte value = i is >= ChecksumOffset and < ChecksumOffset + 8 ? (byte)' ' : header[i];
            unsigned += value;
            signed += unchecked((sbyte)value);
        }

        long stated = Number(header.Slice(ChecksumOffset, 8));
        return stated == unsigned || stated == signed;
    }

    /// <summary>Name with the prefix of ustar (155 bytes) or star (131 bytes); GNU headers keep times in that place.</summary>
    internal static byte[] Name(ReadOnlySpan<byte> header)
    {
        ReadOnlySpan<byte> name = Text(header[..100]);
        bool ustar = header.Slice(257, 6).SequenceEqual("ustar\0"u8);
        bool star = ustar && header.Slice(508, 4).SequenceEqual("tar\0"u8);
        ReadOnlySpan<byte> prefix = ustar ? Text(header.Slice(345, star ? 131 : 155)) : [];
        return prefix.IsEmpty ? name.ToArray() : [.. prefix, (byte)'/', .. name];
    }

    private static long Base256(ReadOnlySpan<byte> field)
    {
        bool negative = (field[0] & 0x40) != 0;
        byte filler = negative ? (byte)0xFF : (byte)0;
        Span<byte> last = stackalloc byte[8];
        last.Fill(filler);
        int taken = Math.Min(8, field.Length);
        field[^taken..].CopyTo(last[^taken..]);
        if (taken == field.Length)
        {
            last[0] = filler;
        }

        bool fits = negative == (last[0] >= 0x80);
        for (int i = 0; i < field.Length - taken; i++)
        {
            fits &= (i == 0 ? (byte)(negative ? field[0] | 0x80 : field[0] & 0x7F) : field[i]) == filler;
        }

        return fits ? BinaryPrimitives.ReadInt64BigEndian(last) : throw new InvalidDataException("a tar header holds a number of more than 64 bits");
    }
}
