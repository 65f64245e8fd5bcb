using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Probing;

/// <summary>Copies a part of a file that may hang into a file that does not, telling of each piece, so that a hang is seen while it lasts.</summary>
internal static class CopyCheck
{
    private const int PieceBytes = 4 << 20;

    internal static void Run(string path, ReadOnlySpan<string> part, string target, ProbeOutput output)
    {
        long offset = long.Parse(part[0], CultureInfo.InvariantCulture);
        long length = long.Parse(part[1], CultureInfo.InvariantCulture);
        output.Step("open");
        int error = Touch.Open(Libc.AT_FDCWD, path, Libc.O_RDONLY | Libc.O_NONBLOCK, out int fd);
        if (error == 0)
        {
            error = Copy(fd, (offset, length), target, output);
            Touch.Close(fd);
        }

        output.SayErrno("errno", error);
    }

    private static int Copy(int fd, (long Offset, long Length) part, string target, ProbeOutput output)
    {
        using SafeFileHandle made = File.OpenHandle(target, FileMode.CreateNew, FileAccess.Write);
        for (long done = 0; done < part.Length;)
        {
            output.Step(string.Create(CultureInfo.InvariantCulture, $"copy at {done >> 20} MiB"));
            int error = Touch.Read(fd, part.Offset + done, (int)Math.Min(PieceBytes, part.Length - done), out byte[] piece);
            error = error == 0 && piece.Length == 0 ? Errno.EIO : error;
            error = error == 0 ? At.WriteAll(made, piece, done) : error;
            if (error != 0)
            {
                return error;
            }

            done += piece.Length;
        }

        return 0;
    }
}
