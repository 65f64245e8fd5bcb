using System.Security.Cryptography;
using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;
using GridWrapper.Squashfs;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Unpacked image files in the node's cache, kept as layers are: by the sha256 of their squashfs, complete or not there, one process unpacks and the others wait, leased while used, found by
/// `cache list`, `verify` and `gc`. So that a file is not read whole at each use, a note keeps which digest a file had, by everything that tells one state of a file from another.
/// </summary>
internal sealed class ImageFileStore(CacheDirectory cache, TimeProvider clock, CacheLeases leases)
{
    private const int ChunkBytes = 1 << 20;

    private static readonly TimeSpan LockPatience = TimeSpan.FromMinutes(60);

    private static readonly RoomLog Log = new(nameof(ImageFileStore));

    private readonly OwnLayers _own = new(cache, leases);

    /// <summary>Bytes that the cache may hold on disk; null for no limit.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>The digest that a file is unpacked under, null where it is not unpacked, or not known to be. Reads only.</summary>
    internal static Digest? FindCached(CacheDirectory cache, string identity)
    {
        string note = Note(cache, identity);
        return File.Exists(note) && Digest.TryParseHex(File.ReadAllText(note), out Digest? digest) && LayerStore.Has(cache, digest) ? digest : null;
    }

    /// <summary>The unpacked tree of an image file.</summary>
    /// <exception cref="Diagnostics.GridWrapperException">It cannot be unpacked; nothing half-made is visible to others.</exception>
    internal async Task<StoredLayer> EnsureAsync(ImageFile image, CancellationToken ct)
    {
        if (FindCached(cache, image.Identity) is { } noted && _own.Find(noted) is { } known)
        {
            return known;
        }

        try
        {
            using SafeFileHandle file = Open(image);
            Digest digest = Hash(file, image, ct);
            using FileLock held = await FileLock.AcquireAsync(cache.Lock("layer-" + digest.Hex), LockPatience, clock, ct);
            StoredLayer made = _own.Find(digest) ?? Unpack(file, image, digest, ct);
            Remember(image, digest);
            return made;
        }
        catch (TimeoutException e)
        {
            throw LayerFault.Busy($"the tree of {image.Path}", e);
        }
        catch (InvalidDataException e)
        {
            throw ImageFileFault.Bad(image.Path, e.Message, e);
        }
        catch (IOException e)
        {
            throw LayerFault.Storage($"unpacking {image.Path}", cache.Path, e);
        }
    }

    private static SafeFileHandle Open(ImageFile image)
    {
        try
        {
            return File.OpenHandle(image.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw ImageFileFault.Unreadable(image.Path, e);
        }
    }

    /// <summary>The whole partition, read once: afterwards it is in the page cache for the unpacking.</summary>
    private static Digest Hash(SafeFileHandle file, ImageFile image, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] chunk = new byte[ChunkBytes];
        for (long done = 0; done < image.SizeBytes;)
        {
            ct.ThrowIfCancellationRequested();
            int got = RandomAccess.Read(file, chunk.AsSpan(0, (int)Math.Min(ChunkBytes, image.SizeBytes - done)), image.Offset + done);
            if (got == 0)
            {
                throw new InvalidDataException("it was cut off while it was read");
            }

            hash.AppendData(chunk, 0, got);
            done += got;
        }

        return Digest.FromHash(hash.GetHashAndReset());
    }

    /// <summary>Called with the lock of the digest held.</summary>
    private StoredLayer Unpack(SafeFileHandle file, ImageFile image, Digest digest, CancellationToken ct)
    {
        var squashfs = SquashfsImage.Open(new ImageBytes.OfFile(file, image.Offset, image.SizeBytes));
        MakeRoom(squashfs.Super, ct);
        string work = cache.Temporary("layer-" + digest.Hex);
        TreeRemover.Remove(work);
        Directory.CreateDirectory(work + "/tree");
        try
        {
            LayerIndex index = Extract(squashfs, image, work, ct);
            StoredLayer made = _own.Add(work, digest, index, new Descriptor("application/vnd.squashfs", digest, image.SizeBytes));
            Log.Info("image {Path} unpacked: {Entries} entries, {Bytes} bytes of data", image.Path, index.Entries, index.DataBytes);
            return made;
        }
        catch
        {
            OwnLayers.Discard(work);
            throw;
        }
    }

    private static LayerIndex Extract(SquashfsImage squashfs, ImageFile image, string work, CancellationToken ct)
    {
        var limits = ExtractionLimits.ForBlob(image.SizeBytes);
        using SafeFileHandle root = At.OpenDirectory(work + "/tree");
        using var writer = new IndexWriter(work + "/" + CacheDirectory.IndexName);
        using Stream tar = SquashfsTar.Open(squashfs, limits.MaxBytes);
        using var extractor = new LayerExtractor(root, limits, writer) { Plain = true };
        return extractor.Extract(tar, overlayMarkers: false, ct);
    }

    /// <summary>What the image needs is not known before it is unpacked; a block for each file and the compressed bytes three times over is what real ones take.</summary>
    private void MakeRoom(Superblock super, CancellationToken ct)
    {
        long needed = (long)NeededBytes(super.BytesUsed, super.Inodes);
        string wanted = string.Create(CultureInfo.InvariantCulture, $"the image needs about {needed / 1_000_000} MB and {super.Inodes} files unpacked");
        new CacheRoom(cache, MaxBytes, clock).Make(needed, super.Inodes, wanted, ct);
    }

    /// <summary>What an image takes unpacked, before anybody knows.</summary>
    internal static double NeededBytes(long squashfsBytes, long inodes) => (squashfsBytes * 2.6) + (inodes * 2048.0);

    private static string Note(CacheDirectory cache, string identity) => $"{cache.ImageNotes(identity)}/digest";

    private void Remember(ImageFile image, Digest digest)
    {
        string note = Note(cache, image.Identity);
        string work = cache.Temporary($"note-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path.GetDirectoryName(note)!);
        File.WriteAllText(work, digest.Hex);
        File.Move(work, note, overwrite: true);
    }
}
