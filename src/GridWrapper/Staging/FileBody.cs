using System.Net;
using System.Net.Http;
using GridWrapper.Diagnostics;

namespace GridWrapper.Staging;

/// <summary>A file as the body of a request: of known length, and every piece of it a sign of life for the guard.</summary>
internal sealed class FileBody : HttpContent
{
    private const int PieceBytes = 256 * 1024;
    private readonly string _path;
    private readonly long _size;
    private readonly StallGuard _guard;

    internal FileBody(string path, long size, StallGuard guard)
    {
        (_path, _size, _guard) = (path, size, guard);
        Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue("application/octet-stream");
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _size;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await using FileStream file = Open();
        byte[] piece = new byte[PieceBytes];
        for (long left = _size; left > 0;)
        {
            int got = await file.ReadAsync(piece.AsMemory(0, (int)Math.Min(left, PieceBytes)), _guard.Token);
            if (got == 0)
            {
                throw new HttpRequestException("", new StorageException(StorageTrouble.Local, $"{_path} has become shorter than the {_size} bytes it had"));
            }

            await stream.WriteAsync(piece.AsMemory(0, got), _guard.Token);
            _guard.Moved(got);
            left -= got;
        }

        _guard.Restart();
    }

    private FileStream Open()
    {
        try
        {
            return new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HttpRequestException("", new StorageException(StorageTrouble.Local, $"{_path} cannot be read: {FileTrouble.Describe(e)}", e));
        }
    }
}
