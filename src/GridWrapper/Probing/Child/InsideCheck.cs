using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// Looks into the layers of an image, topmost first: what is found in a higher one hides the same name below. Links are followed within their layer, which is where
/// the makers of base images put them.
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
        List<int> layers = [];
        foreach (string layer in question.Layers)
        {
            int error = Touch.OpenDirectory(Libc.AT_FDCWD, layer, out int fd);
            if (error != 0)
            {
                output.SayErrno("open.errno", error);
                output.Say("open.path", layer);
                break;
            }

            layers.Add(fd);
        }

        if (layers.Count == question.Layers.Length)
        {
            Look([.. layers.Select(fd => new LinkWalk(fd))], question, output);
        }

        layers.ForEach(Touch.Close);
    }

    private static void Look(ImmutableArray<LinkWalk> layers, InsideQuestion question, ProbeOutput output)
    {
        output.Step("look");
        output.Say(ShellKey, IsThere(layers, "bin/sh") ? 1 : 0);
        Scripts(layers, output);
        if (question.User.Length > 0)
        {
            User(layers, question.User, output);
        }

        foreach (string place in question.Places)
        {
            output.Say(PlacePrefix + place, (long)Place(layers, place));
        }

        if (question.Gpu)
        {
            output.Step("libraries");
            output.Say(GlibcKey, Glibc(layers));
            output.Say(RocmKey, IsThere(layers, "opt/rocm") ? 1 : 0);
        }
    }

    private static void Scripts(ImmutableArray<LinkWalk> layers, ProbeOutput output)
    {
        SortedSet<string> names = new(StringComparer.Ordinal);
        foreach (LinkWalk layer in layers)
        {
            if (layer.Open(Base + "/env", Libc.O_RDONLY | Libc.O_DIRECTORY, out int fd) == 0)
            {
                if (Touch.List(fd, out List<string> found) == 0)
                {
                    names.UnionWith(found.Where(n => n.EndsWith(".sh", StringComparison.Ordinal)));
                }

                Touch.Close(fd);
            }
        }

        output.Say(ScriptsKey, string.Join('/', names));
        output.Say(RunscriptKey, IsThere(layers, Base + "/runscript") ? 1 : 0);
        output.Say(RunscriptTextKey, Text(layers, Base + "/runscript"));
        output.Say(EnvironmentKey, Text(layers, Base + "/env/10-docker2singularity.sh"));
    }

    private static void User(ImmutableArray<LinkWalk> layers, string asked, ProbeOutput output)
    {
        string passwd = Text(layers, "etc/passwd");
        string group = Text(layers, "etc/group");
        output.Say(PasswdKey, passwd);
        output.Say(GroupKey, group);
        string home = UserLookup.Resolve(asked, passwd, group).Home;
        if (home.Length > 1 && Open(layers, home, Libc.O_RDONLY | Libc.O_DIRECTORY, out int fd) is 0 or Errno.EACCES)
        {
            bool closed = fd < 0 || (Touch.Status(fd, "", Libc.AT_EMPTY_PATH, out Libc.FileStatus status) == 0 && (status.Mode & ClosedToOthers) == 0);
            output.Say(HomeClosedKey, closed ? 1 : 0);
            Touch.Close(fd);
        }
    }

    private static InsidePlace Place(ImmutableArray<LinkWalk> layers, string path)
    {
        InsidePlace found = InsidePlace.Missing;
        foreach (LinkWalk layer in layers)
        {
            int error = layer.Open(path, Libc.O_RDONLY | Libc.O_DIRECTORY, out int fd);
            if (error == Errno.ENOTDIR && found == InsidePlace.Missing && layer.Resolve(path, out _) == 0)
            {
                return InsidePlace.Other;
            }

            if (error != 0)
            {
                continue;
            }

            bool empty = Touch.List(fd, out List<string> names) == 0 && names.Count == 0;
            Touch.Close(fd);
            if (!empty)
            {
                return InsidePlace.Directory;
            }

            found = InsidePlace.EmptyDirectory;
        }

        return found;
    }

    private static string Glibc(ImmutableArray<LinkWalk> layers)
    {
        foreach (LinkWalk layer in layers)
        {
            foreach (string path in CLibraries)
            {
                if (layer.Open(path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd) == 0)
                {
                    string version = ElfVersions.Read(fd) is { } library ? GlibcVersion.Highest(library.Defined) : "";
                    Touch.Close(fd);
                    if (version.Length > 0)
                    {
                        return version;
                    }
                }
            }
        }

        return "";
    }

    private static bool IsThere(ImmutableArray<LinkWalk> layers, string path) => layers.Any(l => l.Resolve(path, out _) == 0);

    private static int Open(ImmutableArray<LinkWalk> layers, string path, int flags, out int fd)
    {
        int last = Errno.ENOENT;
        fd = -1;
        foreach (LinkWalk layer in layers)
        {
            last = layer.Open(path, flags, out fd);
            if (last is not (Errno.ENOENT or Errno.ENOTDIR))
            {
                break;
            }
        }

        return last;
    }

    private static string Text(ImmutableArray<LinkWalk> layers, string path)
    {
        if (Open(layers, path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd) != 0)
        {
            return "";
        }

        int error = Touch.Read(fd, 0, Touch.MaxBytes, out byte[] content);
        Touch.Close(fd);
        return error == 0 ? Encoding.UTF8.GetString(content) : "";
    }
}
