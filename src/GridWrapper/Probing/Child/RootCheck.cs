using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Chooses what the self-test of an assembled root looks for: a file of the lowest and one of the highest layer, and what layers remove. What must be seen there is worked out
/// from the layers without any mount. Names with anything but printable ASCII are passed over.
/// </summary>
internal static class RootCheck
{
    internal const string ExpectationPrefix = "expect.";
    internal const string MountPointPrefix = "mount.";

    /// <summary>Said of a mount point that is a link in the image.</summary>
    internal const string LinkWord = "link";

    /// <summary>Said of one that is a file in the image, where only a file can be mounted.</summary>
    internal const string FileWord = "file";

    private const int MaxLooked = 64;
    private const int MaxDepth = 6;
    private const int MaxTried = 4;
    private const int MaxNames = 16;

    internal static void Run(MergedTree tree, ProgramQuestion question, ProbeOutput output)
    {
        output.Step("expectations");
        List<RootExpectation> found = [];
        if (question.Layers.Length > 1)
        {
            found.Add(RootExpectation.Directory("/"));
            AddSamples(tree, found);
            foreach (LayerRemoval removal in question.Removals)
            {
                Add(tree, removal, found);
            }
        }

        for (int i = 0; i < found.Count; i++)
        {
            output.Say(string.Create(CultureInfo.InvariantCulture, $"{ExpectationPrefix}{i}"), $"{found[i].Text} {found[i].Path}");
        }

        output.Step("mount-points");
        foreach (string place in question.MountPoints)
        {
            output.Say(MountPointPrefix + place, MountPoint(tree, place));
        }
    }

    /// <summary>Empty where a directory can be mounted on it; "link", "file", or why not.</summary>
    private static string MountPoint(MergedTree tree, string place)
    {
        int error = tree.Find(place, out MergedTree.Place found);
        if (error == 0 && found is { Layer: >= 0, Status.IsDirectory: false })
        {
            return FileWord;
        }

        // What is not there is made, in whatever is there above it.
        string above = place;
        while (error == Errno.ENOENT && Path.GetDirectoryName(above) is { Length: > 1 } parent)
        {
            above = parent;
            int lookup = tree.Find(above, out found);
            error = lookup == 0 && found is { Layer: >= 0, Status.IsDirectory: false } ? Errno.ENOTDIR : lookup;
        }

        bool link = tree.Entry(place.TrimStart('/'), out MergedTree.Place entry) == 0 && entry.Status.IsSymlink;
        return error is not (0 or Errno.ENOENT) ? Errno.Name(error) : link ? LinkWord : "";
    }

    private static void AddSamples(MergedTree tree, List<RootExpectation> found)
    {
        RootExpectation? lowest = null;
        for (int layer = tree.Count - 1; layer >= 0 && lowest is null; layer--)
        {
            lowest = Sample(tree, layer);
        }

        RootExpectation? highest = null;
        for (int layer = 0; layer < tree.Count && highest is null; layer++)
        {
            highest = Sample(tree, layer);
        }

        if (lowest is not null)
        {
            found.Add(lowest);
        }

        if (highest is not null && highest != lowest)
        {
            found.Add(highest);
        }
    }

    /// <summary>A regular file that this layer is the one to show, by a short search from its root; null where there is none near.</summary>
    private static RootExpectation? Sample(MergedTree tree, int layer)
    {
        Queue<string> ahead = new([""]);
        int tried = 0;
        for (int looked = 0; looked < MaxLooked && tried < MaxTried && ahead.TryDequeue(out string? directory);)
        {
            foreach (string name in tree.Names(layer, directory).Where(IsPlain).Order(StringComparer.Ordinal).Take(MaxLooked - looked))
            {
                looked++;
                string path = directory.Length == 0 ? name : $"{directory}/{name}";
                if (tree.StatusIn(layer, path) is not { } own)
                {
                    continue;
                }

                if (own.IsDirectory && path.AsSpan().Count('/') < MaxDepth)
                {
                    ahead.Enqueue(path);
                }
                else if (own.IsRegular && tried++ < MaxTried && tree.Entry(path, out MergedTree.Place place) == 0 && place.Layer == layer)
                {
                    return RootExpectation.File("/" + path, (long)own.Size);
                }
            }
        }

        return null;
    }

    private static void Add(MergedTree tree, LayerRemoval removal, List<RootExpectation> found)
    {
        if (!removal.Opaque)
        {
            AddIfTold(tree, removal, removal.Path, found);
            return;
        }

        for (int layer = removal.Layer + 1; layer < tree.Count; layer++)
        {
            string[] names = [.. tree.Names(layer, removal.Path).Where(IsPlain).Take(MaxNames)];
            if (names.Any(name => AddIfTold(tree, removal, removal.Path.Length == 0 ? name : $"{removal.Path}/{name}", found)))
            {
                return;
            }
        }
    }

    /// <summary>What is found in a layer below the one that removes it must be gone all the same: then the stack itself is wrong, and the test will say so.</summary>
    private static bool AddIfTold(MergedTree tree, LayerRemoval removal, string path, List<RootExpectation> found)
    {
        int error = tree.Entry(path, out MergedTree.Place place);
        if (!path.All(c => c == '/' || IsPlain(c)) || error is not (0 or Errno.ENOENT))
        {
            return false;
        }

        bool gone = error == Errno.ENOENT || place.Layer > removal.Layer;
        if (gone || place.Status.IsRegular)
        {
            found.Add(gone ? RootExpectation.Gone("/" + path) : RootExpectation.File("/" + path, (long)place.Status.Size));
        }

        return gone;
    }

    private static bool IsPlain(string name) => name.All(IsPlain);

    private static bool IsPlain(char c) => c is > ' ' and <= '~' and not '\\';
}
