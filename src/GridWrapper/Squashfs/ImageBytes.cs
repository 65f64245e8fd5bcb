using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Squashfs;

/// <summary>A piece of a file, read at any place. Whoever makes it says by that whether this process may touch the file: reading may block on a file system that hangs.</summary>
internal abstract class ImageBytes
{
    internal abstract long Length { get; }

    /// <summary>All of the bytes, or <see cref="InvalidDataException"/> where they are not all there.</summary>
    internal void Read(long offset, Span<byte> into, string what)
    {
        if (offset < 0 || into.Length > Length - offset)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{what} should lie at {offset} with {into.Length} bytes, beyond the end at {Length}"));
        }

        ReadAt(offset, into, what);
    }

    internal byte[] Read(long offset, int count, string what)
    {
        byte[] bytes = new byte[count];
        Read(offset, bytes, what);
        return bytes;
    }

    protected abstract void ReadAt(long offset, Span<byte> into, string what);

    /// <summary>A part of an open file.</summary>
    internal sealed class OfFile(SafeFileHandle file, long start, long length) : ImageBytes
    {
        internal override long Length => length;

        protected override void ReadAt(long offset, Span<byte> into, string what)
        {
            for (int done = 0; done < into.Length;)
            {
                int got = RandomAccess.Read(file, into[done..], start + offset + done);
                done += got > 0 ? got : throw new InvalidDataException($"the file ends within {what}");
            }
        }
    }

    /// <summary>Bytes in memory.</summary>
    internal sealed class OfMemory(byte[] bytes) : ImageBytes
    {
        internal override long Length => bytes.Length;

        protected override void ReadAt(long offset, Span<byte> into, string what) => bytes.AsSpan((int)offset, into.Length).CopyTo(into);
    }
}
