using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Which layers of an image an image repository holds, and the longest run of bottom layers that it holds put together (.chains). Layers are looked at by several
/// threads: each costs the CVMFS client the fetch of a catalog, and those waits can overlap. The texts of metadata files are handed over as they are; what they
/// mean is for the parent to judge.
/// </summary>
internal static class LayerCheck
{
    private const int Threads = 8;
    private const int CountersBytes = 4096;

    /// <param name="top">Absolute path of the repository, or of the directory of it that holds the images.</param>
    /// <param name="chains">Whether chains may be used.</param>
    /// <param name="blobs">Digits of the layers' blob digests, base layer first.</param>
    internal static void Run(string top, bool chains, ReadOnlySpan<string> blobs, ProbeOutput output)
    {
        output.Step("open");
        int error = Touch.OpenDirectory(Libc.AT_FDCWD, top, out int fd);
        output.SayErrno("open.errno", error);
        if (error != 0)
        {
            return;
        }

        output.Step("layers");
        string[] wanted = blobs.ToArray();
        Parallel.For(0, wanted.Length, new ParallelOptions { MaxDegreeOfParallelism = Threads }, i => Look(fd, i, wanted[i], output));
        if (chains)
        {
            output.Step("chains");
            LookForChain(fd, wanted, output);
        }

        Touch.Close(fd);
    }

    /// <summary>DUCC's own chain IDs: over compressed digests, the first one hashed too.</summary>
    internal static ImmutableArray<string> ChainIds(IEnumerable<string> blobHexes)
    {
        List<string> ids = [];
        foreach (string hex in blobHexes)
        {
            string text = ids.Count == 0 ? $"sha256:{hex}" : $"sha256:{ids[^1]} sha256:{hex}";
            ids.Add(Digest.Of(Encoding.ASCII.GetBytes(text)).Hex);
        }

        return [.. ids];
    }

    private static void Look(int top, int index, string hex, ProbeOutput output)
    {
        List<(string Key, string Value)> said = [];
        string directory = $".layers/{hex[..2]}/{hex}";
        int error = Touch.ReadFile(top, $"{directory}/.metadata/layers.json", Touch.MaxBytes, out byte[] metadata);
        said.Add(("meta", Encoding.UTF8.GetString(metadata)));
        said.Add(("meta.errno", error == 0 ? "" : Errno.Name(error)));
        error = Touch.Open(top, $"{directory}/layerfs", Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out int tree);
        if (error == 0)
        {
            error = Touch.List(tree, out _);
            if (error == 0 && Touch.Attribute(tree, "user.catalog_counters", out string counters) == 0)
            {
                said.Add(("counters", counters.Length > CountersBytes ? counters[..CountersBytes] : counters));
            }

            Touch.Close(tree);
        }

        said.Add(("errno", error == 0 ? "" : Errno.Name(error)));
        lock (output)
        {
            output.Step("layers");
            foreach ((string key, string value) in said)
            {
                output.Say(string.Create(CultureInfo.InvariantCulture, $"layer.{index}.{key}"), value);
            }
        }
    }

    private static void LookForChain(int top, string[] blobs, ProbeOutput output)
    {
        int error = Touch.Open(top, ".chains", Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out int chains);
        if (error != 0)
        {
            output.SayErrno("chains.errno", error);
            return;
        }

        ImmutableArray<string> ids = ChainIds(blobs);
        for (int count = ids.Length; count > 0; count--)
        {
            if (ChainIsGood(top, chains, ids[count - 1]))
            {
                output.Say("chain.layers", count);
                output.Say("chain.id", ids[count - 1]);
                break;
            }
        }

        Touch.Close(chains);
    }

    private static bool ChainIsGood(int top, int chains, string id)
    {
        if (Touch.Open(chains, $"{id[..2]}/{id}", Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out int tree) != 0)
        {
            return false;
        }

        bool good = Touch.List(tree, out List<string> names) == 0
            && names.Exists(n => n != ".cvmfscatalog")
            && Touch.Status(top, $".dirty-chains/{id}", Libc.AT_SYMLINK_NOFOLLOW, out _) == Errno.ENOENT;
        Touch.Close(tree);
        return good;
    }
}
