using System.Buffers;
using System.Security.Cryptography;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>Small files with their data, collected to be made together by another thread.</summary>
internal sealed class FileBatch : IDisposable
{
    /// <summary>Larger files are written where they are read.</summary>
    internal const int LargestFile = 128 * 1024;

    private const int DataBytes = 512 * 1024;
    private const int MaxFiles = 256;
    private readonly byte[] _data = ArrayPool<byte>.Shared.Rent(DataBytes);
    private readonly List<SmallFile> _files = [];
    private int _used;

    internal bool IsEmpty => _files.Count == 0;

    public void Dispose() => ArrayPool<byte>.Shared.Return(_data);

    internal bool Fits(int nameLength, long size) => _files.Count < MaxFiles && _used + nameLength + 1 + size <= DataBytes;

    /// <summary>Takes a file in and gives the place for its data. The directory stays open until the file was made.</summary>
    internal Span<byte> Add(SafeFileHandle directory, EntryPath path, TarEntry entry)
    {
        bool counted = false;
        directory.DangerousAddRef(ref counted);
        byte[] name = path.Name;
        name.CopyTo(_data, _used);
        _data[_used + name.Length] = 0;
        var file = new SmallFile(directory, path, _used, name.Length + 1, (int)entry.SizeBytes, FileMaker.FileMode(entry), FileMaker.Clamp(entry.Modified));
        _files.Add(file);
        _used += file.NameLength + file.Size;
        return _data.AsSpan(file.Start + file.NameLength, file.Size);
    }

    /// <summary>Makes the files and empties the batch, whatever happens.</summary>
    internal void MakeAll(IndexLines? lines)
    {
        try
        {
            foreach (SmallFile file in _files)
            {
                Make(file, lines);
            }
        }
        finally
        {
            foreach (SmallFile file in _files)
            {
                file.Directory.DangerousRelease();
            }

            _files.Clear();
            _used = 0;
        }
    }

    private void Make(in SmallFile file, IndexLines? lines)
    {
        ReadOnlySpan<byte> content = _data.AsSpan(file.Start + file.NameLength, file.Size);
        var made = new NewFile
        {
            Directory = file.Directory,
            Name = _data.AsSpan(file.Start, file.NameLength),
            Content = content,
            Mode = file.Mode,
            Modified = file.Modified,
        };
        int errno = made.Make(out string call);
        if (errno == Errno.EEXIST)
        {
            // The extractor knows every name it gave out: only a file system that takes two names for one answers this.
            throw new InvalidDataException($"the entry '{file.Path}' has the name of another one on this file system, which does not tell upper from lower case");
        }

        if (errno != 0)
        {
            throw new LinuxException(call, file.Path.ToString(), errno);
        }

        if (lines is not null)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(content, hash);
            lines.Add(new IndexEntry { Type = 'f', Path = file.Path, Mode = file.Mode, SizeBytes = file.Size, Modified = file.Modified }, hash);
        }
    }

    private readonly record struct SmallFile(SafeFileHandle Directory, EntryPath Path, int Start, int NameLength, int Size, uint Mode, FileTime Modified);
}
