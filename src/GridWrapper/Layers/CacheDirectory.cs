using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>
/// Where things lie in the node's cache. The paths are a function of the digests alone, so that a plan can name them before they exist.
/// Everything whose form another version of the program may change lies below a directory with the number of that form: what is not ours is never opened.
/// </summary>
internal sealed record CacheDirectory(string Path)
{
    /// <summary>The form of all below <see cref="Store"/>: names, locks, leases, records, indexes. Whoever changes one of them so that this version would misread it counts up.</summary>
    internal const int CurrentLayout = 1;

    private const string StorePrefix = "store-";
    private const uint WritableByOthers = 0x12;

    public int Layout { get; init; } = CurrentLayout;

    internal string Store => $"{Path}/{StoreName}";

    private string StoreName => string.Create(CultureInfo.InvariantCulture, $"{StorePrefix}{Layout}");

    internal string LayerDirectory(Digest diffId) => $"{Store}/layers/sha256/{diffId.Hex}";

    /// <summary>The unpacked layer.</summary>
    internal string LayerTree(Digest diffId) => $"{LayerDirectory(diffId)}/tree";

    /// <summary>Beside the tree: one line for each of its files, see <see cref="IndexLines"/>.</summary>
    internal const string IndexName = "layer.index";

    internal string LayerIndexFile(Digest diffId) => $"{LayerDirectory(diffId)}/{IndexName}";

    /// <summary>Written last; a layer directory is renamed into place with it.</summary>
    internal string LayerRecord(Digest diffId) => $"{LayerDirectory(diffId)}/layer.json";

    /// <summary>A layer that is kept as its archive, see <c>Serving/PackedStore</c>.</summary>
    internal string PackedDirectory(Digest diffId) => $"{Store}/packed/sha256/{diffId.Hex}";

    internal string FlatDirectory(Digest config) => $"{Store}/flat/{config.Hex}";

    /// <summary>All layers of one image configuration put together.</summary>
    internal string FlatTree(Digest config) => $"{FlatDirectory(config)}/tree";

    /// <summary>The lowest directory of an overlay of this image: directories only, see <see cref="LayerStack"/>.</summary>
    internal string StackBase(Digest config) => $"{Store}/stacks/{config.Hex}/base";

    /// <summary>What payloads in an image read, a path in each line.</summary>
    internal string Trace(Digest config) => $"{Store}/traces/{config.Hex}";

    /// <summary>The table of contents with this digest, and what was fetched of the blob that it is of.</summary>
    internal string LazyDirectory(Digest toc) => $"{Store}/lazy/{toc.Hex}";

    /// <summary>What makes a layer of CVMFS mean the right thing in an overlay.</summary>
    internal string Shims(string name) => $"{Store}/cvmfs/{name}";

    /// <summary>Stores of other versions of the program that share this cache. They are left alone.</summary>
    internal ImmutableArray<string> OtherStores() => Directory.Exists(Path)
        ? [.. Directory.EnumerateDirectories(Path, StorePrefix + "*").Select(System.IO.Path.GetFileName).OfType<string>().Where(name => name != StoreName).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>What was found out about one state of an image file: its digest, and the files that tell what it is.</summary>
    internal string ImageNotes(string identity) => System.IO.Path.GetDirectoryName(StackBase(Digest.Of(Encoding.UTF8.GetBytes(identity))))!;

    /// <summary>Work in progress; only whoever holds the lock of the same name may touch it.</summary>
    internal string Temporary(string name) => $"{Store}/tmp/{name}";

    internal string Lock(string name) => $"{Store}/locks/{name}";

    /// <summary>Makes the cache's directories, and refuses a directory that somebody else could have prepared or could change.</summary>
    internal void Prepare() => Guarded(OwnAll);

    /// <summary>Only the directory itself, for a run that keeps nothing in it.</summary>
    internal void Claim() => Guarded(Own);

    private void Own()
    {
        At.MakePrivateDirectory(Path);
        CheckOwner();
    }

    private void OwnAll()
    {
        Own();
        long type = FileSystemState.Of(Path).Type;
        if (LockTrust.Refuse(Path, type) is { } refusal)
        {
            throw refusal;
        }

        foreach (string sub in (string[])["layers/sha256", "packed/sha256", "flat", "stacks", "cvmfs", "tmp", "locks"])
        {
            Directory.CreateDirectory($"{Store}/{sub}");
        }

        LockTrust.Try(this, type);
    }

    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CacheFault.Unusable(Path, e);
        }
    }

    private void CheckOwner()
    {
        using SafeFileHandle directory = At.OpenDirectory(Path);
        FileMaker.Demand(At.Stat(directory, [], out FileStat stat), "statx", Encoding.UTF8.GetBytes(Path));
        if (stat.Uid != Libc.GetUid() || (stat.Permissions & WritableByOthers) != 0)
        {
            throw CacheFault.Foreign(Path, stat.Uid, stat.Permissions);
        }
    }
}
