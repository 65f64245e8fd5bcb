using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>An archive that is kept as it is.</summary>
/// <param name="file">Closed with this.</param>
internal sealed class PlainArchive(SafeFileHandle file) : ArchiveReader
{
    internal override int Read(long at, Span<byte> into)
    {
        try
        {
            while (!into.IsEmpty)
            {
                int got = RandomAccess.Read(file, into, at);
                if (got == 0)
                {
                    return Errno.EIO;
                }

                into = into[got..];
                at += got;
            }

            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return Errno.EIO;
        }
    }

    internal override bool WouldWait(long at, long length) => false;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            file.Dispose();
        }

        base.Dispose(disposing);
    }
}
