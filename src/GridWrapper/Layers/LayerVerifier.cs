using System.Security.Cryptography;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Layers;

/// <summary>Compares the tree of a layer with its index: every name, type, mode, size, time and link, and the digest of every file.</summary>
internal sealed class LayerVerifier(string layerDirectory)
{
    /// <summary>A layer with more faults than this is not described further.</summary>
    private const int MostFaults = 20;

    private readonly List<string> _faults = [];
    private readonly byte[] _buffer = new byte[128 * 1024];

    /// <summary>Entries of another user's layer that this user cannot read, and that were passed over.</summary>
    internal int Unread { get; private set; }

    /// <summary>Bytes of files that were read and digested.</summary>
    internal long BytesRead { get; private set; }

    /// <summary>What is wrong; empty for a good layer.</summary>
    internal ImmutableArray<string> Verify(CancellationToken ct)
    {
        try
        {
            Dictionary<EntryPath, IndexEntry> index = ReadIndex($"{layerDirectory}/{CacheDirectory.IndexName}");
            using SafeFileHandle root = At.OpenDirectory(layerDirectory + "/tree");
            using var walker = new TreeWalker(root);
            bool own = At.Stat(root, [], out FileStat stat) == 0 && stat.Uid == Libc.GetUid();
            foreach (IndexEntry entry in index.Values.OrderBy(entry => entry.Path).TakeWhile(_ => _faults.Count < MostFaults))
            {
                ct.ThrowIfCancellationRequested();
                CheckReadable(walker, entry, own);
            }

            FindStrangers(root, EntryPath.Root, index);
        }
        catch (FileNotFoundException)
        {
            _faults.Add("it has no index (made by an earlier version of gridwrap)");
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            _faults.Add(e.Message);
        }

        return [.. _faults.Take(MostFaults)];
    }

    private static Dictionary<EntryPath, IndexEntry> ReadIndex(string path)
    {
        var index = new Dictionary<EntryPath, IndexEntry>();
        using var reader = new StreamReader(path, Encoding.Latin1);
        if (reader.ReadLine() + "\n" != IndexLines.Header)
        {
            throw new InvalidDataException($"{path} is not an index that this version of gridwrap knows");
        }

        while (reader.ReadLine() is { } line)
        {
            IndexEntry entry = IndexLines.Parse(line);
            if (entry.Type == 'x')
            {
                index.Remove(entry.Path);
                foreach (EntryPath below in index.Keys.Where(p => p.IsBelow(entry.Path)).ToList())
                {
                    index.Remove(below);
                }
            }
            else
            {
                index[entry.Path] = entry;
            }
        }

        return index;
    }

    private void CheckReadable(TreeWalker walker, in IndexEntry entry, bool own)
    {
        try
        {
            Check(walker, entry);
        }
        catch (LinuxException e) when (!own && e.Errno == Errno.EACCES)
        {
            Unread++;
        }
    }

    private void Check(TreeWalker walker, in IndexEntry entry)
    {
        SafeFileHandle? parent = walker.Open(entry.Path.Parent, create: false);
        FileStat stat = default;
        if (parent is null || At.Stat(parent, entry.Path.IsRoot ? [] : entry.Path.Name, out stat) != 0)
        {
            _faults.Add($"'{entry.Path}' is missing");
            return;
        }

        bool right = entry.Type switch
        {
            'd' => stat.IsDirectory && stat.Permissions == entry.Mode,
            'f' => stat.IsRegular && stat.Size == entry.SizeBytes && stat.Permissions == entry.Mode,
            'l' => stat.IsSymlink,
            'h' or 's' => !stat.IsDirectory,
            _ => false,
        };
        if (!right || (entry.Type is 'd' or 'f' && stat.Modified != entry.Modified))
        {
            _faults.Add($"'{entry.Path}' has another type, mode, size or time than it was made with");
        }
        else if (entry.Type == 'l' && (At.ReadLink(parent, entry.Path.Name, out byte[] target) != 0 || Encoding.Latin1.GetString(target) != entry.Target))
        {
            _faults.Add($"'{entry.Path}' leads elsewhere than it was made to");
        }
        else if (entry is { Type: 'f', Sha256: { } wanted } && Digest(parent, entry.Path.Name) != wanted)
        {
            _faults.Add($"'{entry.Path}' has other content than it was made with");
        }
    }

    private string Digest(SafeFileHandle parent, byte[] name)
    {
        FileMaker.Demand(At.Open(parent, name, Libc.O_RDONLY | Libc.O_NOFOLLOW, 0, out SafeFileHandle? file), "openat", name);
        using (file)
        using (var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256))
        {
            for (long at = 0; RandomAccess.Read(file!, _buffer, at) is > 0 and int got; at += got)
            {
                hash.AppendData(_buffer, 0, got);
                BytesRead += got;
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
    }

    /// <summary>Names that the index does not have; overlay's own whiteouts are not in it.</summary>
    private void FindStrangers(SafeFileHandle directory, EntryPath path, Dictionary<EntryPath, IndexEntry> index)
    {
        foreach (byte[] name in At.Names(directory).TakeWhile(_ => _faults.Count < MostFaults))
        {
            EntryPath child = path.Child(Encoding.Latin1.GetString(name));
            FileMaker.Demand(At.Stat(directory, name, out FileStat stat), "statx", name);
            if (!index.ContainsKey(child) && !stat.IsCharacterDevice)
            {
                _faults.Add($"'{child}' was not in the layer");
            }
            else if (stat.IsDirectory && At.OpenSubdirectory(directory, name, out SafeFileHandle? sub) == 0)
            {
                using (sub)
                {
                    FindStrangers(sub!, child, index);
                }
            }
        }
    }
}
