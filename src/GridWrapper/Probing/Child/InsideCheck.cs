using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Looks into the layers of an image as a payload will see them: removals are honoured, and links are followed across layers.
/// </summary>
internal static class InsideCheck
{
    internal const string ShellKey = "shell";
    internal const string RunscriptKey = "runscript";
    internal const string RunscriptTextKey = "runscript.text";
    internal const string ScriptsKey = "scripts";
    internal const string EnvironmentKey = "environment";
    internal const string PasswdKey = "passwd";
    internal const string GroupKey = "group";
    internal const string HomeClosedKey = "home.closed";
    internal const string GlibcKey = "glibc";
    internal const string RocmKey = "rocm";
    internal const string PlacePrefix = "place.";

    private const string Base = ".singularity.d";
    private const uint ClosedToOthers = 7;

    /// <summary>Where distributions keep the C library.</summary>
    private static readonly string[] CLibraries =
        ["lib64/libc.so.6", "usr/lib64/libc.so.6", "lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6", "lib/aarch64-linux-gnu/libc.so.6", "usr/lib/aarch64-linux-gnu/libc.so.6"];

    internal static void Run(InsideQuestion question, ProbeOutput output)
    {
        output.Step("open");
        using MergedTree tree = question.Tree is { } whole ? new(whole) : new(question.Layers, question.Packed);
        if (tree.Error != 0)
        {
            output.SayErrno("open.errno", tree.Error);
            output.Say("open.path", tree.ErrorPath);
            return;
        }

        Look(tree, question, output);
    }

    private static void Look(MergedTree tree, InsideQuestion question, ProbeOutput output)
    {
        output.Step("look");
        output.Say(ShellKey, IsThere(tree, "bin/sh") ? 1 : 0);
        Scripts(tree, output);
        if (question.User.Length > 0)
        {
            User(tree, question.User, output);
        }

        foreach (string place in question.Places)
        {
            output.Say(PlacePrefix + place, (long)Place(tree, place));
        }

        if (question.Gpu)
        {
            output.Step("libraries");
            output.Say(GlibcKey, Glibc(tree));
            output.Say(RocmKey, IsThere(tree, "opt/rocm") ? 1 : 0);
        }
    }

    private static void Scripts(MergedTree tree, ProbeOutput output)
    {
        output.Say(ScriptsKey, string.Join('/', tree.List(Base + "/env").Where(n => n.EndsWith(".sh", StringComparison.Ordinal))));
        output.Say(RunscriptKey, IsThere(tree, Base + "/runscript") ? 1 : 0);
        output.Say(RunscriptTextKey, Text(tree, Base + "/runscript"));
        output.Say(EnvironmentKey, Text(tree, Base + "/env/10-docker2singularity.sh"));
    }

    private static void User(MergedTree tree, string asked, ProbeOutput output)
    {
        string passwd = Text(tree, "etc/passwd");
        string group = Text(tree, "etc/group");
        output.Say(PasswdKey, passwd);
        output.Say(GroupKey, group);
        string home = UserLookup.Resolve(asked, passwd, group).Home;
        if (home.Length > 1 && tree.Open(home, Libc.O_RDONLY | Libc.O_DIRECTORY, out int fd) is 0 or Errno.EACCES)
        {
            bool closed = fd < 0 || (Touch.Status(fd, "", Libc.AT_EMPTY_PATH, out Libc.FileStatus status) == 0 && (status.Mode & ClosedToOthers) == 0);
            output.Say(HomeClosedKey, closed ? 1 : 0);
            Touch.Close(fd);
        }
    }

    private static InsidePlace Place(MergedTree tree, string path)
    {
        int error = tree.Find(path, out MergedTree.Place found);
        return error != 0 ? InsidePlace.Missing
            : found.Layer >= 0 && !found.Status.IsDirectory ? InsidePlace.Other
            : tree.List(path).Count == 0 ? InsidePlace.EmptyDirectory
            : InsidePlace.Directory;
    }

    private static string Glibc(MergedTree tree)
    {
        foreach (string path in CLibraries)
        {
            if (tree.Open(path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd) == 0)
            {
                string version = ElfVersions.Read(fd) is { } library ? GlibcVersion.Highest(library.Defined) : "";
                Touch.Close(fd);
                if (version.Length > 0)
                {
                    return version;
                }
            }
        }

        return "";
    }

    private static bool IsThere(MergedTree tree, string path) => tree.Find(path, out _) == 0;

    private static string Text(MergedTree tree, string path)
    {
        if (tree.Open(path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd) != 0)
        {
            return "";
        }

        int error = Touch.Read(fd, 0, Touch.MaxBytes, out byte[] content);
        Touch.Close(fd);
        return error == 0 ? Encoding.UTF8.GetString(content) : "";
    }
}
