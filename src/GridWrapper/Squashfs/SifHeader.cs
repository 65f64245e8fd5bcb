using System.Buffers.Binary;

namespace GridWrapper.Squashfs;

/// <summary>
/// The header and the descriptors of a SIF file (Singularity Image Format, version 01, as Singularity 3+ and Apptainer write it; github.com/apptainer/sif). Everything is checked against
/// the file's length before it is believed. Pure but for the bytes it is given.
/// </summary>
internal sealed record SifHeader
{
    private const int HeaderBytes = 128;
    private const int DescriptorBytes = 585;

    /// <summary>The tools that write SIF files reserve 48.</summary>
    private const int MostDescriptors = 4096;

    private const int MagicOffset = 32;

    private static ReadOnlySpan<byte> Magic => "SIF_MAGIC\0"u8;

    /// <summary>As Go names it ("amd64"); empty where the file does not say.</summary>
    public required string Architecture { get; init; }

    /// <summary>In the order of the file; unused ones left out.</summary>
    public required ImmutableArray<SifObject> Objects { get; init; }

    /// <exception cref="InvalidDataException">Damaged, or hostile; says how.</exception>
    internal static SifHeader Read(ImageBytes file)
    {
        if (file.Length < HeaderBytes)
        {
            throw new InvalidDataException($"the file has {file.Length} bytes, too few for the header of a SIF file");
        }

        byte[] header = file.Read(0, HeaderBytes, "the SIF header");
        if (!header.AsSpan(MagicOffset).StartsWith(Magic))
        {
            throw new InvalidDataException("it is no SIF file: SIF_MAGIC is missing");
        }

        string version = Text(header.AsSpan(42, 3));
        if (version != "01")
        {
            throw new InvalidDataException($"its SIF version is '{version}', this program knows 01");
        }

        long total = Long(header, 88);
        long offset = Long(header, 96);
        long size = Long(header, 104);
        if (total is < 0 or > MostDescriptors)
        {
            throw new InvalidDataException($"its header tells of {total} descriptors; 1 to {MostDescriptors} are possible");
        }

        if (offset < HeaderBytes || size < total * DescriptorBytes || offset > file.Length - (total * DescriptorBytes))
        {
            throw new InvalidDataException($"its {total} descriptors should lie at {offset} in {size} bytes, which does not fit a file of {file.Length} bytes; it was cut off, or is damaged");
        }

        ImmutableArray<SifObject> objects = ReadObjects(file.Read(offset, (int)total * DescriptorBytes, "the descriptors"), file.Length);
        Demand(objects, offset + (total * DescriptorBytes));
        return new SifHeader { Architecture = ArchitectureName(Text(header.AsSpan(45, 3))), Objects = objects };
    }

    /// <summary>The partition that the container's root is; null where there is none.</summary>
    /// <exception cref="InvalidDataException">There are several.</exception>
    internal SifObject? PrimaryPartition()
    {
        SifObject[] all = [.. Objects.Where(o => o is { Type: SifObjectType.Partition, PartitionType: SifPartitionType.PrimarySystem })];
        return all.Length <= 1 ? all.FirstOrDefault() : throw new InvalidDataException($"it has {all.Length} primary system partitions, and only one can be the root");
    }

    private static ImmutableArray<SifObject> ReadObjects(byte[] table, long fileLength)
    {
        ImmutableArray<SifObject>.Builder objects = ImmutableArray.CreateBuilder<SifObject>();
        for (int at = 0; at < table.Length; at += DescriptorBytes)
        {
            ReadOnlySpan<byte> raw = table.AsSpan(at, DescriptorBytes);
            if (raw[4] == 0)
            {
                continue;
            }

            SifObject one = Object(raw);
            if (one.Offset < HeaderBytes || one.SizeBytes < 0 || one.Offset > fileLength || one.SizeBytes > fileLength - one.Offset)
            {
                throw new InvalidDataException($"its object {one.Id} ({one.Name}) should lie at {one.Offset} with {one.SizeBytes} bytes, but the file has {fileLength}; it was cut off, or is damaged");
            }

            objects.Add(one);
        }

        return objects.ToImmutable();
    }

    private static SifObject Object(ReadOnlySpan<byte> raw)
    {
        ReadOnlySpan<byte> extra = raw[201..];
        var type = (SifObjectType)BinaryPrimitives.ReadInt32LittleEndian(raw);
        bool partition = type == SifObjectType.Partition;
        return new SifObject
        {
            Type = type,
            Id = BinaryPrimitives.ReadUInt32LittleEndian(raw[5..]),
            Offset = BinaryPrimitives.ReadInt64LittleEndian(raw[17..]),
            SizeBytes = BinaryPrimitives.ReadInt64LittleEndian(raw[25..]),
            Name = Text(raw.Slice(73, 128)),
            FileSystem = partition ? (SifFileSystem)BinaryPrimitives.ReadInt32LittleEndian(extra) : SifFileSystem.None,
            PartitionType = partition ? (SifPartitionType)BinaryPrimitives.ReadInt32LittleEndian(extra[4..]) : SifPartitionType.None,
            Architecture = partition ? ArchitectureName(Text(extra.Slice(8, 3))) : "",
        };
    }

    /// <summary>Two objects that share bytes were written by no honest tool.</summary>
    private static void Demand(ImmutableArray<SifObject> objects, long dataStart)
    {
        SifObject? before = null;
        foreach (SifObject one in objects.Where(o => o.SizeBytes > 0).OrderBy(o => o.Offset))
        {
            if (one.Offset < dataStart)
            {
                throw new InvalidDataException($"its object {one.Id} ({one.Name}) overlaps the descriptors");
            }

            if (before is not null && one.Offset < before.Offset + before.SizeBytes)
            {
                throw new InvalidDataException($"its objects {before.Id} ({before.Name}) and {one.Id} ({one.Name}) overlap");
            }

            before = one;
        }
    }

    private static long Long(byte[] header, int at) => BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(at));

    /// <summary>Up to the first NUL; whatever is not printable ASCII becomes a question mark, for the text goes into messages.</summary>
    private static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        char[] text = new char[end < 0 ? field.Length : end];
        for (int i = 0; i < text.Length; i++)
        {
            text[i] = field[i] is >= 0x20 and < 0x7F ? (char)field[i] : '?';
        }

        return new string(text);
    }

    private static string ArchitectureName(string code) => code switch
    {
        "01" => "386",
        "02" => "amd64",
        "03" => "arm",
        "04" => "arm64",
        "05" => "ppc64",
        "06" => "ppc64le",
        "07" => "mips",
        "08" => "mipsle",
        "09" => "mips64",
        "10" => "mips64le",
        "11" => "s390x",
        "12" => "riscv64",
        "" or "00" => "",
        _ => $"unknown code {code}",
    };
}
