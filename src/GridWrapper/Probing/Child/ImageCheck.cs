using GridWrapper.Images;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Finds the flat tree of an image. The wanted digest is tried first: it also hits when somebody else's tag brought the same image. Public names are read as
/// links, never walked through, and count only if they lead to .flat/XX/&lt;digest&gt; of the same repository, or to .images/XX/… in the layout of the OSG.
/// </summary>
internal static class ImageCheck
{
    /// <summary>Public name → .multiarch variant → .flat, and one to spare.</summary>
    private const int MaxHops = 3;

    internal static void Run(ImageQuestion question, ProbeOutput output)
    {
        output.Step("open");
        int error = Touch.OpenDirectory(Libc.AT_FDCWD, question.Top, out int top);
        output.SayErrno("open.errno", error);
        if (error != 0)
        {
            return;
        }

        if (Digest.TryParseHex(question.WantedHex, out Digest? wanted))
        {
            output.Step("flat");
            error = TreeCheck.OpenPlace(top, CvmfsPath.Flat(wanted), out int tree);
            if (error == 0 && TreeCheck.Usable(tree, "flat", output))
            {
                output.Say("found", wanted.Hex);
                Touch.Close(tree);
                Touch.Close(top);
                return;
            }

            output.SayErrno("flat.open", error);
            Touch.Close(tree);
        }

        FollowNames(question, top, output);
        Touch.Close(top);
    }

    private static void FollowNames(ImageQuestion question, int top, ProbeOutput output)
    {
        output.Step("names");
        bool multiarch = Touch.Status(top, ".multiarch", Libc.AT_SYMLINK_NOFOLLOW, out _) == 0;
        bool osg = Touch.Status(top, ".images", Libc.AT_SYMLINK_NOFOLLOW, out _) == 0;
        int notes = 0;
        foreach (string name in question.Names.Where(n => n.StartsWith(CvmfsNames.OsgPrefix, StringComparison.Ordinal) ? osg : multiarch || !n.StartsWith(".multiarch/", StringComparison.Ordinal)))
        {
            string? trouble = Follow(question, top, name.StartsWith(CvmfsNames.OsgPrefix, StringComparison.Ordinal) ? name[CvmfsNames.OsgPrefix.Length..] : name, out string tree);
            if (trouble is null && (trouble = LookAtTree(top, tree, output)) is null)
            {
                output.Say("name", name);
                output.Say("tree", tree);
                output.Say("found", CvmfsPath.TryParseFlat(tree, out Digest? digest) || CvmfsPath.TryParseOsg(tree, out digest) ? digest.Hex : "");
                return;
            }

            if (trouble.Length > 0)
            {
                output.Say(string.Create(CultureInfo.InvariantCulture, $"note.{notes++}"), $"{name}: {trouble}");
            }
        }
    }

    /// <summary>Null when the name leads to a tree, or is one; empty when there is no such name; else what is wrong with it.</summary>
    private static string? Follow(ImageQuestion question, int top, string name, out string tree)
    {
        tree = name;
        if (CvmfsPath.TryParseOsg(name, out _))
        {
            return Touch.Status(top, name, Libc.AT_SYMLINK_NOFOLLOW, out _) == Errno.ENOENT ? "" : null;
        }

        string at = name;
        for (int hop = 0; hop < MaxHops; hop++)
        {
            int error = Touch.ReadLink(top, at, out string target);
            if (error != 0)
            {
                return error switch
                {
                    Errno.ENOENT or Errno.ENOTDIR => hop == 0 ? "" : $"leads to {at}, which does not exist",
                    Errno.EINVAL => $"{at} is not a symbolic link, so it states no image ID",
                    _ => $"readlink {at}: {Errno.Name(error)}",
                };
            }

            if (target.Contains("$(", StringComparison.Ordinal))
            {
                return $"its variant link {target} was not expanded by a CVMFS client";
            }

            if (CvmfsPath.Follow(at, target, question.Top, question.Root) is not { } next)
            {
                return $"its target {target} is outside of the repository";
            }

            if (CvmfsPath.TryParseFlat(next, out _) || CvmfsPath.TryParseOsg(next, out _))
            {
                tree = next;
                return null;
            }

            if (next.StartsWith(".flat/", StringComparison.Ordinal))
            {
                return $"its target {target} is not of the form .flat/XX/<64 hex digits beginning with XX>";
            }

            at = next;
        }

        return "its links do not end";
    }

    private static string? LookAtTree(int top, string place, ProbeOutput output)
    {
        output.Step("tree");
        int error = TreeCheck.OpenPlace(top, place, out int tree);
        if (error != 0)
        {
            return $"its tree {place} does not open: {Errno.Name(error)}";
        }

        bool usable = TreeCheck.Usable(tree, "tree", output);
        if (usable)
        {
            TreeCheck.Describe(tree, output);
        }

        Touch.Close(tree);
        return usable ? null : $"its tree {place} is empty or does not read";
    }
}
