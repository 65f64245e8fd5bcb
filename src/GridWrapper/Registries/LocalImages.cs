using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Probing;
using GridWrapper.Sites;

namespace GridWrapper.Registries;

/// <summary>Images in files: OCI layouts, archives of them, and the output of docker save. Nothing is unpacked to look at them.</summary>
internal static class LocalImages
{
    private const string TagAnnotation = "org.opencontainers.image.ref.name";
    private const int MaxIndexDepth = 3;

    /// <summary>True for the kinds of reference this class reads.</summary>
    internal static bool Reads(ImageReference reference) => reference is ImageReference.OciLayout or ImageReference.OciArchive or ImageReference.DockerArchive;

    /// <summary>Reads manifest and configuration, and keeps what is needed to open the blobs.</summary>
    internal static Task<LocalImage> ResolveAsync(ImageReference reference, SiteProfile site, NodeFacts node, CancellationToken ct)
    {
        (string path, string? tag) = reference switch
        {
            ImageReference.OciLayout layout => (layout.Path, layout.Tag),
            ImageReference.OciArchive archive => (archive.Path, archive.Tag),
            ImageReference.DockerArchive archive => (archive.Path, archive.Tag),
            _ => throw new ArgumentException("not an image in files", nameof(reference)),
        };
        string root = site.Cvmfs.Root.TrimEnd('/');
        if (path == root || path.StartsWith(root + "/", StringComparison.Ordinal))
        {
            throw LocalFault.OnCvmfs(path, root);
        }

        // Indexing an archive reads all of it; that is no work for the caller's thread.
        return Task.Run(() => Resolve(reference, new Wanted(path, tag, node), ct), ct);
    }

    private static LocalImage Resolve(ImageReference reference, Wanted wanted, CancellationToken ct)
    {
        try
        {
            IImageFiles files = reference is ImageReference.OciLayout ? new DirectoryFiles(wanted.Path) : ArchiveFiles.Index(wanted.Path, ct);
            return reference is ImageReference.DockerArchive ? DockerArchiveReader.Read(files, wanted.Tag, wanted.Node, ct) : ReadLayout(files, wanted);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw LocalFault.NoSuchFile(wanted.Path, $"cannot be opened: {e.Message}", e);
        }
        catch (Exception e) when (e is InvalidDataException or DllNotFoundException)
        {
            throw LocalFault.Bad(wanted.Path, e is DllNotFoundException ? "it is compressed with zstd and this node has no libzstd.so.1" : e.Message, e);
        }
        catch (IOException e)
        {
            throw LocalFault.NoSuchFile(wanted.Path, $"cannot be read: {e.Message}", e);
        }
    }

    /// <summary>All bytes of one of the image's own documents.</summary>
    internal static byte[] ReadSmall(IImageFiles files, string name)
    {
        if (files.SizeOf(name) is not { } size)
        {
            throw LocalFault.NoSuchFile(files.Description, $"holds no '{Quoted.Clean(name)}', so it is not an image of the kind named");
        }

        if (size > ManifestReader.MaxBytes)
        {
            throw LocalFault.Bad(files.Description, $"its '{Quoted.Clean(name)}' has {size} bytes, more than the {ManifestReader.MaxBytes} allowed");
        }

        using Stream stream = files.Open(name);
        byte[] bytes = new byte[size];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static LocalImage ReadLayout(IImageFiles files, Wanted wanted)
    {
        if (ManifestReader.Read(ReadSmall(files, "index.json"), null, wanted.Path) is not ManifestDocument.Index top)
        {
            throw LocalFault.Bad(wanted.Path, "its index.json is not an index");
        }

        Descriptor chosen = Choose(top, wanted);
        for (int depth = 0; depth <= MaxIndexDepth; depth++)
        {
            switch (ManifestReader.Read(ReadBlob(files, chosen), chosen.MediaType, wanted.Path))
            {
                case ManifestDocument.Image image:
                    ResolvedImage resolved = ImageResolver.Combine(image.Manifest, ReadBlob(files, image.Manifest.Config), wanted.Node, wanted.Path);
                    return new LocalImage(resolved, new FileBlobs(files, ImmutableDictionary<Digest, string>.Empty));
                case ManifestDocument.Index index:
                    chosen = PlatformSelector.Select(index.Manifests, wanted.Node.Architecture, wanted.Node.CpuLevel, wanted.Path);
                    break;
            }
        }

        throw ImageResolver.TooDeep(wanted.Path);
    }

    /// <summary>By tag where one was given; else the only one there is, or the one for this platform.</summary>
    private static Descriptor Choose(ManifestDocument.Index index, Wanted wanted)
    {
        ImmutableArray<Descriptor> candidates = wanted.Tag is null
            ? index.Manifests
            : [.. index.Manifests.Where(m => TagOf(m) == wanted.Tag || TagOf(m)?.EndsWith(":" + wanted.Tag, StringComparison.Ordinal) == true)];
        if (candidates.IsEmpty)
        {
            string there = string.Join(", ", index.Manifests.Select(TagOf).OfType<string>().Select(Quoted.Text).DefaultIfEmpty("none"));
            throw LocalFault.NoSuchFile(wanted.Path, $"holds no image with the tag {Quoted.Text(wanted.Tag)}; its tags: {there}");
        }

        if (candidates.Length == 1)
        {
            return candidates[0];
        }

        return candidates.Select(TagOf).OfType<string>().Distinct(StringComparer.Ordinal).Count() > 1
            ? throw LocalFault.NoSuchFile(wanted.Path, $"holds several images; name one of the tags {string.Join(", ", candidates.Select(TagOf).OfType<string>().Select(Quoted.Text))}")
            : PlatformSelector.Select(candidates, wanted.Node.Architecture, wanted.Node.CpuLevel, wanted.Path);
    }

    private static string? TagOf(Descriptor manifest) => manifest.Annotations.GetValueOrDefault(TagAnnotation);

    private static byte[] ReadBlob(IImageFiles files, Descriptor blob)
    {
        byte[] bytes = ReadSmall(files, FileBlobs.PathOf(blob.Digest));
        return bytes.Length == blob.SizeBytes && Digest.Of(bytes) == blob.Digest
            ? bytes
            : throw LocalFault.WrongBytes(files.Description, $"{FileBlobs.PathOf(blob.Digest)} has {bytes.Length} bytes with the digest {Digest.Of(bytes)}, its index promises {blob.SizeBytes} bytes");
    }

    private sealed record Wanted(string Path, string? Tag, NodeFacts Node);
}

/// <summary>An image in files: what it is, and how to get at its layers.</summary>
internal sealed record LocalImage(ResolvedImage Image, IBlobSource Blobs);
