namespace GridWrapper.Layers;

/// <summary>Appends to the index of a layer that is being unpacked; used by all threads that make its files.</summary>
internal sealed class IndexWriter : IDisposable
{
    private readonly FileStream _file;
    private readonly object _gate = new();

    internal IndexWriter(string path)
    {
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        _file.Write(Encoding.ASCII.GetBytes(IndexLines.Header));
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Takes the lines over.</summary>
    internal void Append(IndexLines lines)
    {
        if (lines.Length > 0)
        {
            lock (_gate)
            {
                _file.Write(lines.Bytes);
            }

            lines.Clear();
        }
    }
}
