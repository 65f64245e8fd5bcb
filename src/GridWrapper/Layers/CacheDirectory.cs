using GridWrapper.Diagnostics;
using GridWrapper.Images;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>Where things lie in the node's cache. The paths are a function of the digests alone, so that a plan can name them before they exist.</summary>
internal sealed record CacheDirectory(string Path)
{
    private const uint WritableByOthers = 0x12;

    internal string LayerDirectory(Digest diffId) => $"{Path}/layers/sha256/{diffId.Hex}";

    /// <summary>The unpacked layer.</summary>
    internal string LayerTree(Digest diffId) => $"{LayerDirectory(diffId)}/tree";

    /// <summary>Beside the tree: one line for each of its files, see <see cref="IndexLines"/>.</summary>
    internal const string IndexName = "layer.index";

    internal string LayerIndexFile(Digest diffId) => $"{LayerDirectory(diffId)}/{IndexName}";

    /// <summary>Written last; a layer directory is renamed into place with it.</summary>
    internal string LayerRecord(Digest diffId) => $"{LayerDirectory(diffId)}/layer.json";

    internal string FlatDirectory(Digest config) => $"{Path}/flat/{config.Hex}";

    /// <summary>All layers of one image configuration put together.</summary>
    internal string FlatTree(Digest config) => $"{FlatDirectory(config)}/tree";

    /// <summary>The lowest directory of an overlay of this image: directories only, see <see cref="LayerStack"/>.</summary>
    internal string StackBase(Digest config) => $"{Path}/stacks/{config.Hex}/base";

    /// <summary>Work in progress; only whoever holds the lock of the same name may touch it.</summary>
    internal string Temporary(string name) => $"{Path}/tmp/{name}";

    internal string Lock(string name) => $"{Path}/locks/{name}";

    /// <summary>Makes the cache's directories, and refuses a directory that somebody else could have prepared or could change.</summary>
    internal void Prepare() => Guarded(OwnAll);

    /// <summary>Only the directory itself, for a run that keeps nothing in it.</summary>
    internal void Claim() => Guarded(Own);

    private void Own()
    {
        At.MakePrivateDirectory(Path);
        CheckOwner();
    }

    /// <summary>Null, or why a cache cannot be on this file system.</summary>
    internal static GridWrapperException? RefuseFileSystem(string path, string fileSystem) =>
        fileSystem.StartsWith("nfs", StringComparison.OrdinalIgnoreCase) ? LayerFault.OnNfs(path, fileSystem) : null;

    private void OwnAll()
    {
        Own();
        if (RefuseFileSystem(Path, new DriveInfo(Path).DriveFormat) is { } refusal)
        {
            throw refusal;
        }

        foreach (string sub in (string[])["layers", "layers/sha256", "flat", "stacks", "tmp", "locks"])
        {
            Directory.CreateDirectory($"{Path}/{sub}");
        }
    }

    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (UnauthorizedAccessException e)
        {
            throw LayerFault.Storage("making its directories", Path, new IOException(e.Message, e));
        }
        catch (IOException e)
        {
            throw LayerFault.Storage("making its directories", Path, e);
        }
    }

    private void CheckOwner()
    {
        using SafeFileHandle directory = At.OpenDirectory(Path);
        FileMaker.Demand(At.Stat(directory, [], out FileStat stat), "statx", Encoding.UTF8.GetBytes(Path));
        if (stat.Uid != Libc.GetUid() || (stat.Permissions & WritableByOthers) != 0)
        {
            throw new GridWrapperException(new Failure
            {
                Blame = Blame.Site,
                Phase = Phase.Materialise,
                Step = "prepare-cache",
                PilotErrorCode = PilotError.ContainerGeneralFailure,
                Message = $"the cache {Path} belongs to uid {stat.Uid} with mode {Convert.ToString(stat.Permissions, 8)}; it must belong to uid {Libc.GetUid()} and be writable by nobody else. "
                    + "Choose another with --cache, or remove it",
                ExitCode = ExitCodes.TryElsewhere,
            });
        }
    }
}
