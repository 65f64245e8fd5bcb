using GridWrapper.Diagnostics;
using GridWrapper.Outputs;

namespace GridWrapper.Staging;

/// <summary>Where the bytes of a file go that comes in; what is there already is not asked for again.</summary>
internal interface IByteSink
{
    long Position { get; }

    /// <exception cref="StorageException">The disk does not take them.</exception>
    ValueTask TakeAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct);

    /// <summary>From the beginning, because the server cannot go on or the file is another one now.</summary>
    void Reset();
}

/// <summary>Only the checksum is kept.</summary>
internal sealed class SumSink : IByteSink
{
    private Adler32 _sum = new();

    public long Position { get; private set; }

    internal FileSum Sum => new(Position, _sum.ToString());

    public ValueTask TakeAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        Append(bytes.Span);
        return ValueTask.CompletedTask;
    }

    public void Reset() => (_sum, Position) = (new Adler32(), 0);

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        _sum.Append(bytes);
        Position += bytes.Length;
    }
}

/// <summary>A file that grows, over several tries where it has to.</summary>
internal sealed class FileSink : IByteSink, IDisposable
{
    private readonly FileStream _file;

    /// <exception cref="StorageException">It cannot be written.</exception>
    internal FileSink(string path) =>
        _file = Guarded(path, () =>
        {
            FileStream file = new(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 1, FileOptions.Asynchronous);
            file.Position = file.Length;
            return file;
        });

    public long Position => _file.Position;

    public async ValueTask TakeAsync(ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        try
        {
            await _file.WriteAsync(bytes, ct);
        }
        catch (IOException e)
        {
            throw Trouble(_file.Name, e);
        }
    }

    public void Reset() => _file.SetLength(0);

    public void Dispose() => _file.Dispose();

    private static T Guarded<T>(string path, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Trouble(path, e);
        }
    }

    private static StorageException Trouble(string path, Exception e) => new(StorageTrouble.Local, $"{path} cannot be written: {FileTrouble.Describe(e)}", e);
}
