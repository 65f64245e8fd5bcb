using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Outputs;

/// <summary>Size and checksum of a file, read in one go.</summary>
internal readonly record struct FileSum(long SizeBytes, string Adler32)
{
    private const int BufferBytes = 1024 * 1024;

    /// <summary>Reads a regular file to its end.</summary>
    internal static async Task<FileSum> OfAsync(string path, CancellationToken ct)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        Adler32 sum = new();
        long size = 0;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (int count = -1; count != 0; size += count)
            {
                count = await RandomAccess.ReadAsync(file, buffer.AsMemory(0, BufferBytes), size, ct);
                sum.Append(buffer.AsSpan(0, count));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return new FileSum(size, sum.ToString());
    }
}
