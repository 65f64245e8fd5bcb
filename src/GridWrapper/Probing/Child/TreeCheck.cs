using System.Buffers.Binary;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Whether a root filesystem tree opens, lists, and gives the content of one small file: the only proof that everything behind it works.</summary>
internal static class TreeCheck
{
    private static readonly string[] SmallFiles = [".singularity.d/runscript", "etc/os-release", "usr/lib/os-release", "etc/passwd"];

    internal static void Run(string tree, ProbeOutput output)
    {
        output.Step("open");
        int error = Touch.OpenDirectory(Libc.AT_FDCWD, tree, out int fd);
        output.SayErrno("open.errno", error);
        if (error == 0)
        {
            output.Say("usable", Usable(fd, "tree", output) ? 1 : 0);
            Touch.Close(fd);
        }
    }

    /// <summary>Opens a directory of a repository without following any link.</summary>
    internal static int OpenPlace(int top, string place, out int fd)
    {
        fd = -1;
        int at = top;
        foreach (string component in place.Split('/'))
        {
            int error = Touch.Open(at, component, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_NOFOLLOW, out fd);
            if (at != top)
            {
                Touch.Close(at);
            }

            if (error != 0)
            {
                return error;
            }

            at = fd;
        }

        return 0;
    }

    /// <summary>Lists the tree and reads one file of it. Files that other users may not read are no fault.</summary>
    internal static bool Usable(int tree, string prefix, ProbeOutput output)
    {
        int error = Touch.List(tree, out List<string> names);
        int count = names.Count(n => n != ".cvmfscatalog");
        output.SayErrno(prefix + ".list", error);
        output.Say(prefix + ".count", count);
        if (error != 0 || count == 0)
        {
            return false;
        }

        output.Step("read");
        foreach (string file in SmallFiles)
        {
            error = new LinkWalk(tree).Read(file, 256, out byte[] content);
            if (error == 0 && content.Length > 0)
            {
                break;
            }

            if (error is not (0 or Errno.ENOENT or Errno.ENOTDIR or Errno.EACCES or Errno.ELOOP))
            {
                output.SayErrno(prefix + ".read", error);
                return false;
            }
        }

        return true;
    }

    /// <summary>What the tree tells of itself: the machine its shell was built for, and the image configuration that its maker wrote into it.</summary>
    internal static void Describe(int tree, ProbeOutput output)
    {
        output.Step("describe");
        LinkWalk walk = new(tree);
        if (walk.Read("bin/sh", 20, out byte[] head) == 0 && head is [0x7f, (byte)'E', (byte)'L', (byte)'F', ..] && head.Length == 20)
        {
            output.Say("machine", BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(18)));
        }

        if (walk.Read(".singularity.d/env/10-docker2singularity.sh", Touch.MaxBytes, out byte[] environment) == 0)
        {
            output.Say("environment", Encoding.UTF8.GetString(environment));
        }

        if (walk.Read(".singularity.d/runscript", Touch.MaxBytes, out byte[] runscript) == 0)
        {
            output.Say("runscript", Encoding.UTF8.GetString(runscript));
        }
    }
}
