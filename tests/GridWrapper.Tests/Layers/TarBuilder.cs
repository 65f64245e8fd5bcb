using System.IO.Compression;

namespace GridWrapper.Tests.Layers;

/// <summary>Writes tar archives entry by entry, including those that no honest program writes. Names are one char per byte.</summary>
internal sealed class TarBuilder
{
    private readonly MemoryStream _out = new();

    internal TarBuilder Dir(string name, int mode = 0x1ED, long mtime = 1_000_000_000) => Entry('5', name, [], new Header(Mode: mode, Mtime: mtime));

    internal TarBuilder File(string name, string content = "", int mode = 0x1A4, long mtime = 1_000_000_000) =>
        Entry('0', name, Encoding.Latin1.GetBytes(content), new Header(Mode: mode, Mtime: mtime));

    internal TarBuilder Symlink(string name, string target) => target.Length > 100
        ? GnuLong('K', target).Symlink(name, target[..100])
        : Entry('2', name, [], new Header(Link: target, Mode: 0x1FF));

    internal TarBuilder HardLink(string name, string target) => Entry('1', name, [], new Header(Link: target));

    internal TarBuilder Device(string name, char type = '3') => Entry(type, name, [], new Header());

    internal TarBuilder Whiteout(string path) => File(path[..(path.LastIndexOf('/') + 1)] + ".wh." + path[(path.LastIndexOf('/') + 1)..]);

    internal TarBuilder Opaque(string directory) => File(directory + "/.wh..wh..opq");

    /// <summary>A PAX header for the next entry.</summary>
    internal TarBuilder Pax(params (string Key, string Value)[] records) => PaxOf('x', records);

    internal TarBuilder PaxOf(char type, params (string Key, string Value)[] records)
    {
        string text = "";
        foreach ((string key, string value) in records)
        {
            int length = key.Length + value.Length + 3;
            int total = length + length.ToString().Length;
            total = length + total.ToString().Length;
            text += $"{total} {key}={value}\n";
        }

        return Entry(type, "PaxHeader", Encoding.Latin1.GetBytes(text), new Header());
    }

    /// <summary>A GNU long name (L) or long link (K) for the next entry.</summary>
    internal TarBuilder GnuLong(char type, string name) => Entry(type, "././@LongLink", Encoding.Latin1.GetBytes(name + "\0"), new Header());

    internal TarBuilder Entry(char type, string name, byte[] data, Header header)
    {
        byte[] block = new byte[512];
        Put(block, 0, name);
        Put(block, 100, Octal(header.Mode, 7));
        Put(block, 108, Octal(0, 7));
        Put(block, 116, Octal(0, 7));
        Put(block, 124, Octal(header.Size ?? data.Length, 11));
        Put(block, 136, Octal(header.Mtime, 11));
        block[156] = (byte)type;
        Put(block, 157, header.Link);
        Put(block, 257, header.Magic);
        header.Patch?.Invoke(block);
        Put(block, 148, "        ");
        Put(block, 148, Octal(block.Sum(b => (int)b), 6) + "\0 ");
        _out.Write(block);
        _out.Write(data);
        _out.Write(new byte[(512 - (data.Length % 512)) % 512]);
        return this;
    }

    internal TarBuilder Raw(byte[] bytes)
    {
        _out.Write(bytes);
        return this;
    }

    /// <summary>The archive with its two closing blocks.</summary>
    internal byte[] Build() => [.. _out.ToArray(), .. new byte[1024]];

    internal byte[] BuildUnclosed() => _out.ToArray();

    internal static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    private static void Put(byte[] block, int offset, string text) => Encoding.Latin1.GetBytes(text).CopyTo(block, offset);

    private static string Octal(long value, int digits) => Convert.ToString(value, 8).PadLeft(digits, '0');

    /// <param name="Size">Stated size where it is not the data's.</param>
    /// <param name="Patch">Changes the block before the checksum is written.</param>
    internal sealed record Header(string Link = "", int Mode = 0x1A4, long Mtime = 1_000_000_000, long? Size = null, string Magic = "ustar\u000000", Action<byte[]>? Patch = null);
}
