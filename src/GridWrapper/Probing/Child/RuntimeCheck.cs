using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>Looks at programs that may be Apptainer or Singularity: there, executable, not this program itself, and what they answer to --version.</summary>
internal static class RuntimeCheck
{
    private const int ExecuteAccess = 1;

    /// <summary>Why a candidate that is this very program (called through a link) is left out.</summary>
    internal const string Self = "self";

    /// <param name="own">
    /// Identity of the main program, see <see cref="Libc.FileStatus.Identity"/>; and after a blank a tree to run a program in, if that is wanted.
    /// </param>
    /// <param name="candidates">Absolute paths.</param>
    /// <param name="output">Records "N.errno", "N.version" and "N.run" for candidate number N.</param>
    internal static void Run(string own, ReadOnlySpan<string> candidates, ProbeOutput output)
    {
        int blank = own.IndexOf(' ', StringComparison.Ordinal);
        string tree = blank < 0 ? "" : own[(blank + 1)..];
        string identity = blank < 0 ? own : own[..blank];
        for (int i = 0; i < candidates.Length; i++)
        {
            string prefix = i.ToString(CultureInfo.InvariantCulture);
            output.Step("open");
            string trouble = Trouble(candidates[i], identity);
            output.Say(prefix + ".errno", trouble);
            if (trouble.Length > 0)
            {
                continue;
            }

            output.Step("run");
            output.Say(prefix + ".version", Capture(candidates[i], ["--version"]));
            if (tree.Length > 0)
            {
                output.Step("run");
                output.Say(prefix + ".run", Capture(candidates[i], ["exec", "--contain", "--no-home", tree, TrialTree.Program]));
            }
        }
    }

    private static string Trouble(string path, string own)
    {
        int error = Touch.Status(Libc.AT_FDCWD, path, 0, out Libc.FileStatus status);
        if (error != 0)
        {
            return Errno.Name(error);
        }

        if (status.Identity == own)
        {
            return Self;
        }

        return status.IsRegular && Libc.ProbeAccess(Libc.AT_FDCWD, path, ExecuteAccess, 0) == 0 ? "" : Errno.Name(Errno.EACCES);
    }

    /// <summary>Standard output and error of a program, the first kilobytes. It is in our process group, so the parent's deadline ends it, too.</summary>
    private static unsafe string Capture(string program, ImmutableArray<string> arguments)
    {
        int* pipe = stackalloc int[2];
        if (Libc.Pipe2(pipe, Libc.O_CLOEXEC) != 0 || Touch.Open(Libc.AT_FDCWD, "/dev/null", Libc.O_RDONLY, out int nothing) != 0)
        {
            return "";
        }

        try
        {
            _ = ChildProcess.Start(new ChildSpec
            {
                Program = program,
                Argv = [program, .. arguments],
                Environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/"],
                Descriptors = [(0, nothing), (1, pipe[1]), (2, pipe[1])],
            });
            Touch.Close(pipe[1]);
            return ReadAll(pipe[0]);
        }
        catch (LinuxException e)
        {
            Touch.Close(pipe[1]);
            return e.Message;
        }
        finally
        {
            Touch.Close(pipe[0]);
            Touch.Close(nothing);
        }
    }

    private static unsafe string ReadAll(int fd)
    {
        byte[] buffer = new byte[8192];
        int filled = 0;
        fixed (byte* place = buffer)
        {
            while (filled < buffer.Length)
            {
                nint count = Libc.Read(fd, place + filled, buffer.Length - filled);
                if (count == 0 || (count < 0 && Errno.Last != Errno.EINTR))
                {
                    break;
                }

                filled += checked((int)Math.Max(0, count));
            }
        }

        return Encoding.UTF8.GetString(buffer, 0, filled);
    }
}
