namespace GridWrapper.Squashfs;

/// <summary>Writes the headers of a tar archive (ustar; PAX records for what does not fit).</summary>
internal static class TarHeader
{
    internal const int BlockBytes = 512;

    private const int NameBytes = 100;
    private const long LargestOctal = (1L << 33) - 1;

    internal const char File = '0';
    internal const char HardLink = '1';
    internal const char Link = '2';
    internal const char Device = '3';
    internal const char Directory = '5';
    internal const char Fifo = '6';

    /// <param name="type">One of the constants.</param>
    /// <param name="path">Without a slash at the beginning.</param>
    /// <param name="inode">Mode and time.</param>
    /// <param name="target">Of a link, else empty.</param>
    /// <param name="sizeBytes">Data that follow.</param>
    internal static byte[] Write(char type, byte[] path, SquashfsInode inode, byte[] target, long sizeBytes)
    {
        byte[] own = One(type, path, inode, target, sizeBytes > LargestOctal ? 0 : sizeBytes);
        if (path.Length <= NameBytes && target.Length <= NameBytes && sizeBytes <= LargestOctal)
        {
            return own;
        }

        List<byte> records = [];
        Record(records, "path"u8, path, path.Length > NameBytes);
        Record(records, "linkpath"u8, target, target.Length > NameBytes);
        Record(records, "size"u8, Encoding.ASCII.GetBytes(sizeBytes.ToString(CultureInfo.InvariantCulture)), sizeBytes > LargestOctal);
        byte[] extension = One('x', "PaxHeader"u8.ToArray(), inode, [], records.Count);
        byte[] padding = new byte[Padding(records.Count)];
        return [.. extension, .. records, .. padding, .. own];
    }

    /// <summary>Zeros up to the next block.</summary>
    internal static int Padding(long length) => (int)((BlockBytes - (length % BlockBytes)) % BlockBytes);

    private static byte[] One(char type, ReadOnlySpan<byte> path, SquashfsInode inode, ReadOnlySpan<byte> target, long sizeBytes)
    {
        byte[] header = new byte[BlockBytes];
        path[..Math.Min(path.Length, NameBytes)].CopyTo(header);
        Octal(header.AsSpan(100, 8), inode.Mode);
        Octal(header.AsSpan(108, 8), 0);
        Octal(header.AsSpan(116, 8), 0);
        Octal(header.AsSpan(124, 12), sizeBytes);
        Octal(header.AsSpan(136, 12), inode.Modified);
        header[156] = (byte)type;
        target[..Math.Min(target.Length, NameBytes)].CopyTo(header.AsSpan(157));
        "ustar\00000"u8[..8].CopyTo(header.AsSpan(257));
        header.AsSpan(148, 8).Fill((byte)' ');
        long sum = 0;
        foreach (byte one in header)
        {
            sum += one;
        }

        Octal(header.AsSpan(148, 7), sum);
        return header;
    }

    /// <summary>Digits up to the last byte, which is NUL.</summary>
    private static void Octal(Span<byte> field, long value)
    {
        field[^1] = 0;
        for (int i = field.Length - 2; i >= 0; i--, value >>= 3)
        {
            field[i] = (byte)('0' + (value & 7));
        }
    }

    /// <summary>"LENGTH NAME=VALUE\n", where the length counts itself.</summary>
    private static void Record(List<byte> records, ReadOnlySpan<byte> name, byte[] value, bool needed)
    {
        if (!needed)
        {
            return;
        }

        int rest = name.Length + value.Length + 3;
        int length = rest + Digits(rest);
        length = rest + Digits(length);
        records.AddRange(Encoding.ASCII.GetBytes(length.ToString(CultureInfo.InvariantCulture)));
        records.Add((byte)' ');
        records.AddRange(name);
        records.Add((byte)'=');
        records.AddRange(value);
        records.Add((byte)'\n');
    }

    private static int Digits(int number) => number < 10 ? 1 : 1 + Digits(number / 10);
}
