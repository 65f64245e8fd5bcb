using GridWrapper.Squashfs;

namespace GridWrapper.Probing;

/// <summary>What the header of an image file says, checked against the file.</summary>
internal sealed record ImageFileFacts
{
    /// <summary>What is wrong with the file; empty for a good one. The rest is then of no use.</summary>
    public string Fault { get; init; } = "";

    /// <summary><see cref="Squashfs"/>, or what Apptainer alone can make use of: one of the others, for people.</summary>
    public required string Content { get; init; }

    /// <summary>As Go names it; empty where the file does not say.</summary>
    public string Architecture { get; init; } = "";

    /// <summary>Where the squashfs begins in the file.</summary>
    public long Offset { get; init; }

    /// <summary>Length of the squashfs.</summary>
    public long SizeBytes { get; init; }

    public long Inodes { get; init; }

    public Compressor Compressor { get; init; }

    /// <summary>Changes whenever the content may have changed.</summary>
    public string State { get; init; } = "";

    /// <summary>The file brings changes to its root in an overlay partition.</summary>
    public bool HasOverlay { get; init; }

    /// <summary>It lies where reading cannot hang.</summary>
    public bool IsLocal { get; init; }

    /// <summary>Why this node cannot undo the compression; null where it can.</summary>
    public string? Undecodable { get; init; }

    internal const string Squashfs = "squashfs";
    internal const string EncryptedSquashfs = "an encrypted squashfs";
    internal const string Ext3 = "an ext3 file system";
    internal const string OciImage = "an OCI image (oci-sif)";
}
