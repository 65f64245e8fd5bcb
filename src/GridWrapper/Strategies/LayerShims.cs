using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Linux;
using GridWrapper.Probing;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Strategies;

/// <summary>
/// The two small directories that make a layer of CVMFS, with its whiteouts as ordinary files, mean the right thing in an overlay. "hide" goes below it: overlay's
/// own whiteouts and opaque directories, which hide what lies beneath while the layer's own content above them stays. "mask" goes above it: whiteouts of the
/// marker files themselves, in directories with the layer's own attributes. Kept in the cache by blob digest, with the record of the walk that found the markers.
/// </summary>
/// <param name="cache">Where they are kept.</param>
/// <param name="leases">Hold what is used against a clean-up; null where nothing is used.</param>
internal sealed class LayerShims(CacheDirectory cache, CacheLeases? leases = null)
{
    private const string RecordName = "walk";
    private const string Version = "gridwrap layer walk 1";
    private const uint OwnerAll = 0x1C0;
    private const uint StickyAndModes = 0x3FF;
    private const uint Parents = 0x1ED;

    internal static string Mask(CacheDirectory cache, HybridPart.InCvmfs part) => $"{Of(cache, part)}/mask";

    internal static string Hide(CacheDirectory cache, HybridPart.InCvmfs part) => $"{Of(cache, part)}/hide";

    internal static string MaskOfChain(CacheDirectory cache, CvmfsChain chain) => $"{OfChain(cache, Path.GetFileName(chain.Tree))}/mask";

    /// <summary>What was found in this tree by an earlier run; null where none has looked.</summary>
    internal CvmfsLayerIndex? Find(HybridPart.InCvmfs part)
    {
        string path = $"{Of(cache, part)}/{RecordName}";
        if (!Hold(Of(cache, part)) || !File.Exists(path))
        {
            return null;
        }

        string[] records = File.ReadAllText(path).Split('\0');
        return records is [Version, var of, .. var rest] && of == part.Layer.Tree
            ? CvmfsLayerIndex.From(rest.Where(r => r.Contains('=', StringComparison.Ordinal)).Select(r => r.Split('=', 2)).ToDictionary(p => p[0], p => p[1], StringComparer.Ordinal))
            : null;
    }

    /// <summary>Makes both directories and keeps the records; all appear by one rename.</summary>
    internal CvmfsLayerIndex Make(HybridPart.InCvmfs part, IReadOnlyDictionary<string, string> records)
    {
        CvmfsLayerIndex index = CvmfsLayerIndex.From(records);
        Make(Of(cache, part), work =>
        {
            MakeHide($"{work}/hide", index);
            MakeMask($"{work}/mask", index.Masked, index.Parents);
            File.WriteAllText($"{work}/{RecordName}", string.Join('\0', [Version, part.Layer.Tree, .. records.Select(r => $"{r.Key}={r.Value}")]));
        });
        return index;
    }

    /// <summary>A chain needs only its catalog mark hidden.</summary>
    internal string MaskOfChain(Digest id, uint rootPermissions)
    {
        string final = OfChain(cache, id.Hex);
        if (!Hold(final))
        {
            Make(final, work => MakeMask($"{work}/mask", [".cvmfscatalog"], [new MarkedDirectory("", rootPermissions, 0, 0)]));
        }

        return $"{final}/mask";
    }

    /// <summary>A directory with the parents of a layer's whiteouts and nothing else.</summary>
    internal string MakeParents(HybridStack.Meaning layer)
    {
        string final = cache.Shims("parents-" + layer.DiffId.Hex);
        if (!Hold(final))
        {
            Make(final, work =>
            {
                using SafeFileHandle root = At.OpenDirectory(work);
                using var walker = new TreeWalker(root);
                foreach (EntryPath parent in layer.Whiteouts.Select(w => w.Parent).Distinct().Order())
                {
                    walker.Open(parent, create: true);
                }
            });
        }

        return final;
    }

    /// <summary>The same blob may lie in two repositories; what a walk found belongs to the tree that was walked.</summary>
    private static string Of(CacheDirectory cache, HybridPart.InCvmfs part) =>
        cache.Shims($"{part.Blob.Digest.Hex}-{Digest.Of(Encoding.UTF8.GetBytes(Version + part.Layer.Tree)).Hex[..8]}");

    private static string OfChain(CacheDirectory cache, string id) => cache.Shims("chain-" + id);

    private bool Hold(string directory) => leases?.TryHold(directory) ?? Directory.Exists(directory);

    /// <summary>Fills a directory and gives it its name. Where somebody else made the same this moment, his is taken. It is held from before it can be seen.</summary>
    private void Make(string final, Action<string> fill)
    {
        using WorkDirectory work = WorkDirectory.Make(cache, "shims");
        fill(work.Path);
        bool published;
        while (!(published = TryMove(work.Path, final)) && !Hold(final))
        {
            // It is being removed: its name will be free in a moment.
            Thread.Yield();
        }

        if (published)
        {
            DirectoryLease lease = work.Keep();
            if (leases is null)
            {
                lease.Dispose();
            }
            else
            {
                leases.Keep(final, lease);
            }
        }
    }

    private static bool TryMove(string work, string final)
    {
        try
        {
            Directory.Move(work, final);
            return true;
        }
        catch (IOException) when (Directory.Exists(final))
        {
            return false;
        }
    }

    private static void MakeHide(string path, CvmfsLayerIndex index)
    {
        Directory.CreateDirectory(path);
        using SafeFileHandle root = At.OpenDirectory(path);
        using var walker = new TreeWalker(root);
        EntryPath[] whiteouts = [.. index.Whiteouts.Select(EntryPath.FromLatin1)];
        HashSet<EntryPath> opaques = [.. index.Opaques.Select(EntryPath.FromLatin1)];

        // A directory that the layer removes below itself and has itself, with removals in it: it is opaque.
        opaques.UnionWith([.. whiteouts.Where(w => whiteouts.Any(other => other.IsBelow(w)) || opaques.Any(other => other.IsBelow(w)))]);
        foreach (EntryPath whiteout in whiteouts.Where(w => !opaques.Contains(w) && !IsBelowAny(w, opaques)))
        {
            SafeFileHandle parent = walker.Open(whiteout.Parent, create: true)!;
            int errno = At.MakeNode(parent, whiteout.Name, Libc.S_IFCHR);
            FileMaker.Demand(errno == Errno.EEXIST ? 0 : errno, "mknodat", whiteout.Name);
        }

        // The root's own mark is not looked at by overlay; the stack ends above instead.
        foreach (EntryPath opaque in opaques.Where(o => !o.IsRoot))
        {
            SafeFileHandle directory = walker.Open(opaque, create: true)!;
            FileMaker.Demand(At.SetXattr(directory, "user.overlay.opaque"u8, "y"u8), "fsetxattr", opaque.Name);
        }

        SetModes(root, index.Parents.Select(p => p with { Permissions = Parents }));
    }

    private static bool IsBelowAny(EntryPath path, HashSet<EntryPath> directories)
    {
        for (EntryPath above = path; !above.IsRoot;)
        {
            above = above.Parent;
            if (directories.Contains(above))
            {
                return true;
            }
        }

        return false;
    }

    private static void MakeMask(string path, ImmutableArray<string> masked, ImmutableArray<MarkedDirectory> parents)
    {
        Directory.CreateDirectory(path);
        using SafeFileHandle root = At.OpenDirectory(path);
        using var walker = new TreeWalker(root);
        foreach (EntryPath hidden in masked.Select(EntryPath.FromLatin1))
        {
            SafeFileHandle parent = walker.Open(hidden.Parent, create: true)!;
            FileMaker.Demand(At.MakeNode(parent, hidden.Name, Libc.S_IFCHR), "mknodat", hidden.Name);
        }

        SetModes(root, parents);
    }

    /// <summary>Deepest first: a mode may forbid what is still to be done below.</summary>
    private static void SetModes(SafeFileHandle root, IEnumerable<MarkedDirectory> directories)
    {
        using var walker = new TreeWalker(root);
        foreach (MarkedDirectory directory in directories.OrderByDescending(d => d.Path.Length))
        {
            if (walker.Open(EntryPath.FromLatin1(directory.Path), create: false) is { } open)
            {
                FileMaker.Demand(Libc.ChangeMode(open, (directory.Permissions & StickyAndModes) | OwnerAll) == 0 ? 0 : Errno.Last, "fchmod", Encoding.Latin1.GetBytes(directory.Path));
                FileMaker.Demand(At.SetTimes(open, new FileTime(directory.Seconds, directory.Nanoseconds)), "futimens", Encoding.Latin1.GetBytes(directory.Path));
            }
        }
    }
}
