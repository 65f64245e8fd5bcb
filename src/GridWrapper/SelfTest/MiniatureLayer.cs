using System.Formats.Tar;
using System.IO.Compression;
using GridWrapper.Images;

namespace GridWrapper.SelfTest;

/// <summary>One layer: its entries, the tar made of them and the tar compressed. The same entries always give the same bytes.</summary>
internal sealed record MiniatureLayer
{
    internal const string OciMediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
    internal const string DockerMediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    /// <summary>2023-11-14T22:13:20Z.</summary>
    internal static readonly DateTimeOffset EntryTime = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    /// <summary>Sorted by path, parents first.</summary>
    public required ImmutableArray<MiniatureEntry> Entries { get; init; }

    /// <summary>The uncompressed tar.</summary>
    public required ReadOnlyMemory<byte> Tar { get; init; }

    /// <summary>The tar as gzip, the form in which registries hold it.</summary>
    public required ReadOnlyMemory<byte> Blob { get; init; }

    /// <summary>Digest of <see cref="Tar"/>.</summary>
    public required Digest DiffId { get; init; }

    /// <summary>Digest of <see cref="Blob"/>.</summary>
    public required Digest Digest { get; init; }

    /// <summary>Makes a layer. Parent directories that no entry names are added with mode 0755.</summary>
    internal static MiniatureLayer Create(IEnumerable<MiniatureEntry> entries)
    {
        ImmutableArray<MiniatureEntry> sorted = WithParents(entries);
        byte[] tar = WriteTar(sorted);
        byte[] blob = Compress(tar);
        return new MiniatureLayer { Entries = sorted, Tar = tar, Blob = blob, DiffId = Digest.Of(tar), Digest = Digest.Of(blob) };
    }

    /// <summary>gzip at its fastest: the image is thrown away in seconds.</summary>
    internal static byte[] Compress(ReadOnlySpan<byte> tar)
    {
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest))
        {
            gzip.Write(tar);
        }

        return compressed.ToArray();
    }

    /// <summary>A ustar archive of the entries, owned by root.</summary>
    internal static byte[] WriteTar(IEnumerable<MiniatureEntry> entries)
    {
        using MemoryStream archive = new();
        using (TarWriter writer = new(archive, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (MiniatureEntry entry in entries)
            {
                TarEntry header = Header(entry);
                header.ModificationTime = EntryTime;
                writer.WriteEntry(header);
            }
        }

        return archive.ToArray();
    }

    private static UstarTarEntry Header(MiniatureEntry entry) => entry switch
    {
        MiniatureEntry.Folder folder => new UstarTarEntry(TarEntryType.Directory, folder.Path + "/") { Mode = folder.Mode },
        MiniatureEntry.RegularFile file =>
            new UstarTarEntry(TarEntryType.RegularFile, file.Path) { Mode = file.Mode, DataStream = new MemoryStream(file.Content.ToArray()) },
        MiniatureEntry.SymbolicLink link =>
            new UstarTarEntry(TarEntryType.SymbolicLink, link.Path) { Mode = MiniatureEntry.Executable, LinkName = link.Target },
        MiniatureEntry.HardLink link => new UstarTarEntry(TarEntryType.HardLink, link.Path) { LinkName = link.Existing },
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static ImmutableArray<MiniatureEntry> WithParents(IEnumerable<MiniatureEntry> entries)
    {
        SortedDictionary<string, MiniatureEntry> all = new(StringComparer.Ordinal);
        foreach (MiniatureEntry entry in entries)
        {
            all.Add(entry.Path, entry);
        }

        foreach (string path in all.Keys.ToList())
        {
            for (string? parent = Path.GetDirectoryName(path); !string.IsNullOrEmpty(parent); parent = Path.GetDirectoryName(parent))
            {
                all.TryAdd(parent, new MiniatureEntry.Folder(parent));
            }
        }

        return [.. all.Values];
    }
}
