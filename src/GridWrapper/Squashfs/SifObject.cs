namespace GridWrapper.Squashfs;

/// <summary>One data object of a SIF file.</summary>
internal sealed record SifObject
{
    public required SifObjectType Type { get; init; }

    public required uint Id { get; init; }

    /// <summary>From the beginning of the file; lies within it with all of <see cref="SizeBytes"/>.</summary>
    public required long Offset { get; init; }

    public required long SizeBytes { get; init; }

    /// <summary>For people.</summary>
    public required string Name { get; init; }

    /// <summary>Of a partition.</summary>
    public SifFileSystem FileSystem { get; init; }

    /// <summary>Of a partition.</summary>
    public SifPartitionType PartitionType { get; init; }

    /// <summary>Of a partition, as Go names it; empty where it is not said.</summary>
    public string Architecture { get; init; } = "";
}

/// <summary>What an object is; the numbers of the format.</summary>
internal enum SifObjectType
{
    None = 0,
    DefinitionFile = 0x4001,
    Environment = 0x4002,
    Labels = 0x4003,
    Partition = 0x4004,
    Signature = 0x4005,
    Json = 0x4006,
    Generic = 0x4007,
    CryptoMessage = 0x4008,
    Sbom = 0x4009,

    /// <summary>An OCI image kept in a SIF file (SingularityCE 4).</summary>
    OciRootIndex = 0x400A,
    OciBlob = 0x400B,
}

/// <summary>File system of a partition; the numbers of the format.</summary>
internal enum SifFileSystem
{
    None = 0,
    Squashfs = 1,
    Ext3 = 2,
    Archive = 3,
    Raw = 4,
    EncryptedSquashfs = 5,
}

/// <summary>What a partition is for; the numbers of the format.</summary>
internal enum SifPartitionType
{
    None = 0,
    System = 1,
    PrimarySystem = 2,
    Data = 3,
    Overlay = 4,
}
