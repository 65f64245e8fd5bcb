using System.Collections.Concurrent;

namespace GridWrapper.Squashfs;

/// <summary>
/// A squashfs image as a tar archive, made while it is read: so what unpacks layers, with all its limits and its care about names, unpacks images, too. One thread walks the image, the pool
/// decodes blocks ahead, the reader gets them in order. Owners and extended attributes are left out, sockets, too; what is one file under several names becomes hard links.
/// </summary>
internal sealed class SquashfsTar : IDisposable
{
    private const int MostDepth = 1000;
    private const long AheadBytes = 16L << 20;

    /// <summary>Fragments kept decoded: the files of one directory mostly share them.</summary>
    private const int MostFragments = 16;

    private readonly SquashfsImage _image;
    private readonly long _maxBytes;
    private readonly BlockingCollection<TarPiece> _pieces;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<uint, byte[]> _linked = [];
    private readonly HashSet<ulong> _directories = [];
    private readonly Dictionary<uint, DecodedBlock> _fragments = [];
    private readonly Queue<uint> _fragmentOrder = new();
    private Thread? _walker;
    private long _inodes;
    private long _bytes;

    private SquashfsTar(SquashfsImage image, long maxBytes)
    {
        (_image, _maxBytes) = (image, maxBytes);
        _pieces = new BlockingCollection<TarPiece>((int)Math.Max(8, AheadBytes / image.Super.BlockSize));
    }

    /// <summary>The archive. Damage of the image is told by <see cref="InvalidDataException"/> where it is met.</summary>
    /// <param name="image">Not used by anybody else meanwhile.</param>
    /// <param name="maxBytes">What grows beyond it is refused.</param>
    internal static Stream Open(SquashfsImage image, long maxBytes)
    {
        var tar = new SquashfsTar(image, maxBytes);
        var stream = new PieceStream(tar._pieces.GetConsumingEnumerable(), tar);
        tar._walker = new Thread(() => tar.Run(stream)) { IsBackground = true, Name = "squashfs walk" };
        tar._walker.Start();
        return stream;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _walker?.Join();
        _pieces.Dispose();
        _stop.Dispose();
    }

    private void Run(PieceStream stream)
    {
        try
        {
            SquashfsInode root = _image.Root;
            Put(TarHeader.Write(TarHeader.Directory, "./"u8.ToArray(), root, [], 0));
            _directories.Add(_image.Super.RootInode);
            Walk(root, [], 0);
            Put(new byte[2 * TarHeader.BlockBytes]);
        }
        catch (OperationCanceledException)
        {
            // Nobody reads any more.
            stream.Fault = null;
        }
        catch (Exception e)
        {
            // The reader throws it, on its own thread.
            stream.Fault = e;
        }
        finally
        {
            _pieces.CompleteAdding();
        }
    }

    private void Walk(SquashfsInode directory, byte[] path, int depth)
    {
        if (depth > MostDepth)
        {
            throw new InvalidDataException($"its directories are nested more than {MostDepth} deep");
        }

        List<(byte[] Path, ulong Reference, SquashfsInode Inode)> below = [];
        foreach (SquashfsName name in _image.List(directory))
        {
            if (++_inodes > (long)_image.Super.Inodes * 64)
            {
                throw new InvalidDataException($"it holds far more names than the {_image.Super.Inodes} files that it tells of");
            }

            byte[] child = path.Length == 0 ? name.Name : [.. path, (byte)'/', .. name.Name];
            SquashfsInode inode = _image.Inode(name.Inode);
            if (inode.Kind == SquashfsKind.Directory)
            {
                below.Add((child, name.Inode, inode));
                Put(TarHeader.Write(TarHeader.Directory, child, inode, [], 0));
            }
            else
            {
                Add(child, inode);
            }
        }

        foreach ((byte[] child, ulong reference, SquashfsInode inode) in below)
        {
            if (!_directories.Add(reference))
            {
                throw new InvalidDataException("a directory is its own parent, or has two");
            }

            Walk(inode, child, depth + 1);
        }
    }

    private void Add(byte[] path, SquashfsInode inode)
    {
        if (inode.Links > 1 && inode.Kind != SquashfsKind.Socket && !_linked.TryAdd(inode.Number, path))
        {
            Put(TarHeader.Write(TarHeader.HardLink, path, inode, _linked[inode.Number], 0));
            return;
        }

        switch (inode.Kind)
        {
            case SquashfsKind.File:
                Put(TarHeader.Write(TarHeader.File, path, inode, [], inode.SizeBytes));
                PutData(inode);
                break;
            case SquashfsKind.Link:
                Put(TarHeader.Write(TarHeader.Link, path, inode, inode.Target, 0));
                break;
            case SquashfsKind.Fifo:
                Put(TarHeader.Write(TarHeader.Fifo, path, inode, [], 0));
                break;
            case SquashfsKind.CharacterDevice:
            case SquashfsKind.BlockDevice:
                Put(TarHeader.Write(TarHeader.Device, path, inode, [], 0));
                break;
            default:
                break;
        }
    }

    private void PutData(SquashfsInode file)
    {
        long offset = file.Blocks;
        for (int i = 0; i < file.BlockSizes.Length; i++)
        {
            StoredBlock block = _image.Block(file, i, offset);
            offset += block.StoredBytes;
            Put(new TarPiece(block.StoredBytes == 0 ? null : DecodedBlock.Begin(_image, block, shared: false), 0, block.ContentBytes));
        }

        if (file.Fragment is { } fragment)
        {
            Put(new TarPiece(Fragment(fragment), (int)file.FragmentOffset, file.SizeBytes % _image.Super.BlockSize));
        }

        if (TarHeader.Padding(file.SizeBytes) is > 0 and int padding)
        {
            Put(new TarPiece(null, 0, padding));
        }
    }

    private DecodedBlock Fragment(uint number)
    {
        if (_fragments.TryGetValue(number, out DecodedBlock? kept))
        {
            return kept;
        }

        if (_fragmentOrder.Count >= MostFragments)
        {
            _fragments.Remove(_fragmentOrder.Dequeue());
        }

        DecodedBlock block = DecodedBlock.Begin(_image, _image.Fragment(number), shared: true);
        _fragments[number] = block;
        _fragmentOrder.Enqueue(number);
        return block;
    }

    private void Put(byte[] bytes) => Put(new TarPiece(DecodedBlock.Of(bytes), 0, bytes.Length));

    private void Put(TarPiece piece)
    {
        _bytes += piece.Length;
        if (_bytes > _maxBytes)
        {
            throw new InvalidDataException($"the image unpacks to more than {_maxBytes} bytes, far beyond what its size allows");
        }

        _pieces.Add(piece, _stop.Token);
    }

    /// <summary>The pieces one after the other.</summary>
    private sealed class PieceStream(IEnumerable<TarPiece> pieces, SquashfsTar owner) : Stream
    {
        private readonly IEnumerator<TarPiece> _pieces = pieces.GetEnumerator();
        private TarPiece? _piece;
        private long _done;

        /// <summary>What ended the walk; set before the line of pieces is closed.</summary>
        internal Exception? Fault { get; set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            while (_piece is null || _done == _piece.Length)
            {
                _piece?.Block?.Release();
                (_piece, _done) = (null, 0);
                if (!_pieces.MoveNext())
                {
                    return Fault is { } fault ? throw new InvalidDataException(fault.Message, fault) : 0;
                }

                _piece = _pieces.Current;
            }

            int count = (int)Math.Min(buffer.Length, _piece.Length - _done);
            if (_piece.Block is { } block)
            {
                block.Wait(_piece.Offset + (int)_piece.Length).AsSpan(_piece.Offset + (int)_done, count).CopyTo(buffer);
            }
            else
            {
                buffer[..count].Clear();
            }

            _done += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _pieces.Dispose();
                owner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
