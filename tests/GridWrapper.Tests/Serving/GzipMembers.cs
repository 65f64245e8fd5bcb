using System.Buffers.Binary;
using System.IO.Compression;

namespace GridWrapper.Tests.Serving;

/// <summary>Gzip blobs as builders make them and as they do not: one or more members, each with its own kind of blocks and fields of its header, some empty.</summary>
internal static class GzipMembers
{
    private const byte HeaderSum = 2;
    private const byte Extra = 4;
    private const byte Name = 8;
    private const byte Comment = 16;

    /// <summary>Content that deflates a little, a lot and not at all, in turns.</summary>
    internal static byte[] Content(Random random, int length)
    {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length;)
        {
            Span<byte> run = bytes.AsSpan(at, Math.Min(length - at, 1 + random.Next(200_000)));
            switch (random.Next(4))
            {
                case 0:
                    random.NextBytes(run);
                    break;
                case 1:
                    run.Fill((byte)random.Next(256));
                    break;
                case 2 when at > 0:
                    for (int i = 0; i < run.Length; i++)
                    {
                        run[i] = bytes[(at + i - Math.Min(at, 30_000 + random.Next(2)))];
                    }

                    break;
                default:
                    foreach (ref byte one in run)
                    {
                        one = (byte)"the quick brown fox"[random.Next(19)];
                    }

                    break;
            }

            at += run.Length;
        }

        return bytes;
    }

    /// <summary>All of the content, in members of random lengths; a blob of the kinds that <paramref name="most"/> allows.</summary>
    internal static byte[] Blob(Random random, byte[] content, int most)
    {
        var blob = new MemoryStream();
        int members = random.Next(1, most + 1);
        int[] cuts = [0, .. Enumerable.Range(1, members - 1).Select(_ => random.Next(content.Length + 1)).Order(), content.Length];
        for (int i = 0; i < members; i++)
        {
            blob.Write(Member(content.AsSpan(cuts[i], cuts[i + 1] - cuts[i]), random.Next(4), (byte)(random.Next(16) * HeaderSum)));
            if (random.Next(3) == 0)
            {
                blob.Write(Member([], random.Next(4), 0));
            }
        }

        return blob.ToArray();
    }

    /// <param name="kind">0: stored blocks, 1: fixed codes, 2: dynamic codes, 3: as fast as possible.</param>
    /// <param name="flags">Of the header.</param>
    internal static byte[] Member(ReadOnlySpan<byte> content, int kind, byte flags)
    {
        var member = new MemoryStream();
        member.Write([0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 0, 3]);
        member.Write((flags & Extra) != 0 ? [5, 0, .. "extra"u8] : []);
        member.Write((flags & Name) != 0 ? "layer.tar\0"u8 : []);
        member.Write((flags & Comment) != 0 ? "a comment\0"u8 : []);
        Span<byte> sum = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(sum, Crc32(member.ToArray()));
        member.Write((flags & HeaderSum) != 0 ? sum[..2] : []);
        var options = new ZLibCompressionOptions
        {
            CompressionLevel = kind switch { 0 => 0, 3 => 1, _ => 6 },
            CompressionStrategy = kind == 1 ? ZLibCompressionStrategy.Fixed : ZLibCompressionStrategy.Default,
        };
        using (var deflate = new DeflateStream(member, options, leaveOpen: true))
        {
            deflate.Write(content);
            if (kind == 2)
            {
                deflate.Flush();
            }
        }

        if (content.IsEmpty)
        {
            // .NET writes nothing for nothing: a last block with fixed codes and no symbol.
            member.Write([3, 0]);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(sum, Crc32(content));
        member.Write(sum);
        BinaryPrimitives.WriteUInt32LittleEndian(sum, (uint)content.Length);
        member.Write(sum);
        return member.ToArray();
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1;
            }
        }

        return ~crc;
    }
}
