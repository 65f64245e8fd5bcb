using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using GridWrapper.Images;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Serving;

/// <summary>
/// The file `index` of a packed layer: a header with the counts, the arrays of the tree as they lie in memory, the bytes of names, and a SHA-256 of it all at the end. What is cut
/// short, damaged, or of another machine or version is refused, and the layer is made anew.
/// </summary>
internal static class PackedIndexFile
{
    /// <summary>Whoever changes the form of the file, of <see cref="Node"/> or of <see cref="TreeEntry"/>, counts up.</summary>
    internal const uint Version = 1;

    /// <summary>"GWPACKED" in the byte order of the machine, so that one of another order is foreign.</summary>
    private const ulong Magic = 0x4457_5041_434B_4544;
    private const int HashBytes = 32;
    private const int PieceBytes = 1024 * 1024;

    internal static void Write(string path, PackedIndex index)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        Write(file, 0, index);
    }

    /// <param name="at">Where it begins in the file.</param>
    /// <returns>Where it ends.</returns>
    internal static long Write(SafeFileHandle file, long at, PackedIndex index)
    {
        var texts = new TextPool();
        LayerTree tree = index.Tree;
        int[] marks = Marks(tree, texts);
        var header = new Header
        {
            Magic = Magic, Version = Version, HeaderBytes = (uint)Unsafe.SizeOf<Header>(),
            ArchiveBytes = index.ArchiveBytes, BlobBytes = index.BlobBytes, ArchiveEntries = tree.Entries, DataBytes = tree.DataBytes,
            Nodes = tree.Table.Count, Entries = tree.Table.Entries.Length, Text = tree.Table.Text.Length,
            Whiteouts = tree.Whiteouts.Length, Opaques = tree.Opaques.Length, Implied = tree.Implied.Length, Borrowed = tree.Borrowed.Length, Attributes = tree.Table.Attributes.Sum(a => a.Value.Length),
            SparseFiles = index.Sparse.Starts.Length - 1, SparsePieces = index.Sparse.Pieces.Length, MoreText = texts.Length,
        };
        Convert.FromHexString(index.DiffId.Hex).CopyTo(MemoryMarshal.AsBytes(new Span<Digest256>(ref header.DiffId)));
        Convert.FromHexString(index.Blob.Hex).CopyTo(MemoryMarshal.AsBytes(new Span<Digest256>(ref header.Blob)));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Put(ReadOnlySpan<byte> bytes)
        {
            hash.AppendData(bytes);
            RandomAccess.Write(file, bytes, at);
            at += bytes.Length;
        }

        Put(MemoryMarshal.AsBytes(new ReadOnlySpan<Header>(in header)));
        Put(MemoryMarshal.AsBytes(tree.Table.Nodes));
        Put(MemoryMarshal.AsBytes(index.Sparse.Pieces));
        Put(MemoryMarshal.AsBytes(tree.Table.Entries));
        Put(MemoryMarshal.AsBytes(index.Sparse.Starts));
        Put(MemoryMarshal.AsBytes(marks.AsSpan()));
        Put(tree.Table.Text);
        Put(texts.Bytes);
        Put(hash.GetCurrentHash());
        return at;
    }

    /// <exception cref="InvalidDataException">Not an index that this version can use.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static PackedIndex Read(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        return Read(file, path, 0, RandomAccess.GetLength(file));
    }

    /// <summary>One that is a part of a file.</summary>
    /// <param name="path">For messages.</param>
    internal static PackedIndex Read(SafeFileHandle file, string path, long start, long end)
    {
        using var reading = new Reading(file, start, end);
        Header header = reading.Take<Header>(1)[0];
        if (header.Magic != Magic || header.Version != Version || header.HeaderBytes != Unsafe.SizeOf<Header>())
        {
            throw new InvalidDataException($"{path} is not an index of a packed layer that this version of gridwrap knows");
        }

        if (header.FileBytes() != reading.Length)
        {
            throw new InvalidDataException($"{path} has {reading.Length} bytes, its header asks for {header.FileBytes()}");
        }

        Node[] nodes = reading.Take<Node>(header.Nodes);
        SparsePiece[] pieces = reading.Take<SparsePiece>(header.SparsePieces);
        TreeEntry[] entries = reading.Take<TreeEntry>(header.Entries);
        int[] starts = reading.Take<int>(header.SparseFiles + 1);
        int[] marks = reading.Take<int>(header.Marks());
        byte[] text = reading.Take<byte>(header.Text);
        byte[] more = reading.Take<byte>(header.MoreText);
        reading.CheckHash(path);
        NodeTable table = new(nodes, entries, text, findable: false);
        TreeCheck.Demand(table);
        LayerTree tree = Unmark(new LayerTree(table) { Entries = header.ArchiveEntries, DataBytes = header.DataBytes }, header, new MarkReader(marks, more, nodes.Length));
        return new PackedIndex(Digest.FromHash(MemoryMarshal.AsBytes(new Span<Digest256>(ref header.DiffId))), tree, new SparseMaps(starts, pieces), header.ArchiveBytes)
        {
            Blob = Digest.FromHash(MemoryMarshal.AsBytes(new Span<Digest256>(ref header.Blob))),
            BlobBytes = header.BlobBytes,
        };
    }

    /// <summary>What is said of nodes and names, as numbers.</summary>
    private static int[] Marks(LayerTree tree, TextPool texts)
    {
        List<int> marks = [];
        foreach (NameInDirectory whiteout in tree.Whiteouts)
        {
            marks.Add(whiteout.Directory);
            texts.Add(whiteout.Name, marks);
        }

        marks.AddRange(tree.Opaques);
        marks.AddRange(tree.Implied);
        foreach (BorrowedName link in tree.Borrowed)
        {
            texts.Add(link.Path, marks);
            texts.Add(link.Target, marks);
        }

        foreach ((int node, ImmutableArray<(byte[] Name, byte[] Value)> attributes) in tree.Table.Attributes)
        {
            foreach ((byte[] name, byte[] value) in attributes)
            {
                marks.Add(node);
                texts.Add(name, marks);
                texts.Add(value, marks);
            }
        }

        return [.. marks];
    }

    private static LayerTree Unmark(LayerTree tree, in Header header, MarkReader marks)
    {
        var whiteouts = new NameInDirectory[header.Whiteouts];
        for (int i = 0; i < whiteouts.Length; i++)
        {
            whiteouts[i] = new NameInDirectory(marks.Node(), marks.Text());
        }

        int[] opaques = marks.NodesOf(header.Opaques);
        int[] implied = marks.NodesOf(header.Implied);
        var borrowed = new BorrowedName[header.Borrowed];
        for (int i = 0; i < borrowed.Length; i++)
        {
            borrowed[i] = new BorrowedName(marks.Text(), marks.Text());
        }

        for (int i = 0; i < header.Attributes; i++)
        {
            int node = marks.Node();
            tree.Table.Attributes.TryGetValue(node, out ImmutableArray<(byte[] Name, byte[] Value)> before);
            tree.Table.Attributes[node] = [.. before.IsDefault ? [] : before, (marks.Text(), marks.Text())];
        }

        return tree with
        {
            Whiteouts = ImmutableCollectionsMarshal.AsImmutableArray(whiteouts),
            Opaques = ImmutableCollectionsMarshal.AsImmutableArray(opaques),
            Implied = ImmutableCollectionsMarshal.AsImmutableArray(implied),
            Borrowed = ImmutableCollectionsMarshal.AsImmutableArray(borrowed),
        };
    }

    /// <summary>A SHA-256.</summary>
    [StructLayout(LayoutKind.Sequential, Size = HashBytes)]
    private struct Digest256
    {
        private readonly long _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        internal ulong Magic;
        internal uint Version;
        internal uint HeaderBytes;
        internal Digest256 DiffId;
        internal Digest256 Blob;
        internal long ArchiveBytes;
        internal long BlobBytes;
        internal long ArchiveEntries;
        internal long DataBytes;
        internal int Nodes;
        internal int Entries;
        internal int Text;
        internal int Whiteouts;
        internal int Opaques;
        internal int Implied;
        internal int Borrowed;
        internal int Attributes;
        internal int SparseFiles;
        internal int SparsePieces;
        internal int MoreText;
        private readonly int _reserved;

        /// <summary>How many numbers the marks are; -1 where the counts are impossible.</summary>
        internal readonly int Marks()
        {
            long count = (3L * Whiteouts) + Opaques + Implied + (4L * Borrowed) + (5L * Attributes);
            return Whiteouts < 0 || Opaques < 0 || Implied < 0 || Borrowed < 0 || Attributes < 0 || count > Array.MaxLength ? -1 : (int)count;
        }

        /// <summary>Length of the whole file; -1 where the counts are impossible.</summary>
        internal readonly long FileBytes() => Nodes <= 0 || Entries < 0 || Text < 0 || MoreText < 0 || SparseFiles is < 0 or int.MaxValue || SparsePieces < 0 || Marks() < 0 || ArchiveBytes < 0 ? -1
            : Unsafe.SizeOf<Header>() + ((long)Nodes * Unsafe.SizeOf<Node>()) + ((long)Entries * Unsafe.SizeOf<TreeEntry>()) + Text + MoreText
            + (((long)SparseFiles + 1 + Marks()) * sizeof(int)) + ((long)SparsePieces * Unsafe.SizeOf<SparsePiece>()) + HashBytes;
    }

    /// <summary>Bytes of names that are not in the tree's own text.</summary>
    private sealed class TextPool
    {
        private readonly List<byte> _bytes = [];

        internal int Length => _bytes.Count;

        internal ReadOnlySpan<byte> Bytes => CollectionsMarshal.AsSpan(_bytes);

        internal void Add(byte[] text, List<int> marks)
        {
            marks.Add(_bytes.Count);
            marks.Add(text.Length);
            _bytes.AddRange(text);
        }
    }

    private sealed class MarkReader(int[] marks, byte[] texts, int nodes)
    {
        private int _at;

        internal int Node() => marks[_at] >= 0 && marks[_at] < nodes ? marks[_at++] : throw new InvalidDataException("an index of a packed layer leads out of itself");

        internal int[] NodesOf(int count)
        {
            int[] numbers = new int[count];
            for (int i = 0; i < count; i++)
            {
                numbers[i] = Node();
            }

            return numbers;
        }

        internal byte[] Text()
        {
            (int start, int length) = (marks[_at], marks[_at + 1]);
            _at += 2;
            return start >= 0 && length >= 0 && start <= texts.Length - length ? texts[start..(start + length)] : throw new InvalidDataException("an index of a packed layer leads out of itself");
        }
    }

    /// <summary>A file on its way into memory. No more is asked for than it has.</summary>
    private sealed class Reading(SafeFileHandle file, long start, long end) : IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly long _end = end;
        private long _at = start;

        internal long Length { get; } = end - start;

        public void Dispose() => _hash.Dispose();

        internal T[] Take<T>(int count)
            where T : unmanaged
        {
            if (_at < 0 || (long)count * Unsafe.SizeOf<T>() > _end - _at)
            {
                throw new InvalidDataException("an index of a packed layer is cut short");
            }

            var things = new T[count];
            for (Span<byte> left = MemoryMarshal.AsBytes(things.AsSpan()); !left.IsEmpty;)
            {
                int got = RandomAccess.Read(file, left[..Math.Min(PieceBytes, left.Length)], _at);
                _hash.AppendData(got > 0 ? left[..got] : throw new InvalidDataException("an index of a packed layer is cut short"));
                left = left[got..];
                _at += got;
            }

            return things;
        }

        internal void CheckHash(string path)
        {
            byte[] hash = _hash.GetHashAndReset();
            if (!hash.AsSpan().SequenceEqual(Take<byte>(HashBytes)))
            {
                throw new InvalidDataException($"{path} is damaged: its content is not what was written");
            }
        }
    }
}
