using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Serving;

/// <summary>
/// Requests of the kernel to replies, for one reader. Whatever a request says, what leaves is a well-formed reply or nothing. Nothing is allocated. A node is known to the
/// kernel by its place in the table plus one, so that what the kernel forgets need not be kept account of.
/// </summary>
/// <param name="tree">What is served.</param>
/// <param name="slow">Takes reads that would wait for the network, and what the kernel says of them; null = they are answered here.</param>
internal sealed class FuseAnswers(ServedTree tree, ISlowReads? slow)
{
    /// <summary>No reply now: none is due, or it comes later from elsewhere.</summary>
    internal const int Silence = 0;

    private const uint BlockSize = 4096;
    private const int Nothing = int.MinValue;
    private const int OpcodeKinds = 64;

    private static readonly RoomLog Log = new(nameof(FuseAnswers));

    private readonly NodeTable _table = tree.Table;
    private readonly FuseEntries _entries = new(tree);
    private readonly FuseXattrs _xattrs = new(tree);

    /// <summary>Requests by opcode; 0 counts those above the table.</summary>
    internal long[] Counts { get; } = new long[OpcodeKinds];

    internal long BytesRead { get; private set; }

    /// <summary>Takes over the counts of a reader that has ended.</summary>
    internal void AddCounts(FuseAnswers ended)
    {
        BytesRead += ended.BytesRead;
        for (int i = 0; i < OpcodeKinds; i++)
        {
            Counts[i] += ended.Counts[i];
        }
    }

    /// <returns>Length of the reply, or <see cref="Silence"/>.</returns>
    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "one request fails, not the file system of a running payload")]
    internal int Answer(ReadOnlySpan<byte> request, Span<byte> reply)
    {
        if (request.Length < FuseWire.InHeader)
        {
            return Silence;
        }

        uint opcode = BinaryPrimitives.ReadUInt32LittleEndian(request[4..]);
        ulong unique = BinaryPrimitives.ReadUInt64LittleEndian(request[8..]);
        Counts[opcode < OpcodeKinds ? (int)opcode : 0]++;
        int result;
        try
        {
            result = BinaryPrimitives.ReadUInt32LittleEndian(request) == (uint)request.Length ? Body(opcode, unique, request, reply[FuseWire.OutHeader..]) : -Errno.EINVAL;
        }
        catch (Exception e)
        {
            Log.Warn(e, "request {Opcode} could not be answered", opcode);
            result = -Errno.EIO;
        }

        return result == Nothing ? Silence : Head(reply, unique, result);
    }

    /// <summary>The header of a reply whose body of so many bytes is written, or of an error (minus the errno). Returns the length of the whole.</summary>
    internal static int Head(Span<byte> reply, ulong unique, int result)
    {
        int length = FuseWire.OutHeader + Math.Max(result, 0);
        BinaryPrimitives.WriteInt32LittleEndian(reply, length);
        BinaryPrimitives.WriteInt32LittleEndian(reply[4..], Math.Min(result, 0));
        BinaryPrimitives.WriteUInt64LittleEndian(reply[8..], unique);
        return length;
    }

    private int Body(uint opcode, ulong unique, ReadOnlySpan<byte> request, Span<byte> into)
    {
        ReadOnlySpan<byte> body = request[FuseWire.InHeader..];
        switch (opcode)
        {
            case FuseWire.Forget or FuseWire.BatchForget:
                return Nothing;
            case FuseWire.Interrupt:
                if (body.Length >= sizeof(ulong))
                {
                    slow?.Interrupt(BinaryPrimitives.ReadUInt64LittleEndian(body));
                }

                return Nothing;
            case FuseWire.Init:
                tree.Terms = FuseTerms.Agree(body, into, out int length) ?? tree.Terms;
                return length;
            case FuseWire.Destroy or FuseWire.Release or FuseWire.ReleaseDirectory:
                return 0;
            case FuseWire.Statfs:
                return Statfs(into);
            case FuseWire.Ioctl:
                return -Errno.ENOTTY;
            default:
                ulong number = BinaryPrimitives.ReadUInt64LittleEndian(request[16..]);
                return IsWriting(opcode) ? -Errno.EROFS : number > 0 && number <= (ulong)_table.Count ? OfNode(opcode, unique, (int)number - 1, body, into) : -Errno.ENOENT;
        }
    }

    private int OfNode(uint opcode, ulong unique, int node, ReadOnlySpan<byte> body, Span<byte> into) => opcode switch
    {
        FuseWire.Lookup => Lookup(node, body, into),
        FuseWire.GetAttributes => AttributesOf(node, into),
        FuseWire.ReadLink => ReadLink(node, into),
        FuseWire.Open => Open(into, FuseTerms.Features.NoOpen, FuseWire.KeepCache | FuseWire.NoFlush),
        FuseWire.OpenDirectory => Open(into, FuseTerms.Features.NoOpenDirectory, FuseWire.KeepCache | FuseWire.CacheDirectory),
        FuseWire.Read => Read(unique, node, body, into),
        FuseWire.ReadDirectory => _entries.List(node, body, into, plus: false),
        FuseWire.ReadDirectoryPlus => _entries.List(node, body, into, plus: true),
        FuseWire.GetXattr => _xattrs.Get(node, body, into),
        FuseWire.ListXattr => _xattrs.List(node, body, into),
        _ => -Errno.ENOSYS,
    };

    private static bool IsWriting(uint opcode) => opcode is FuseWire.SetAttributes or FuseWire.SymbolicLink or FuseWire.MakeNode or FuseWire.MakeDirectory or FuseWire.Unlink
        or FuseWire.RemoveDirectory or FuseWire.Rename or FuseWire.Link or FuseWire.Write or FuseWire.SetXattr or FuseWire.RemoveXattr or FuseWire.Create
        or FuseWire.Fallocate or FuseWire.Rename2 or FuseWire.CopyFileRange or FuseWire.TemporaryFile;

    private int Lookup(int directory, ReadOnlySpan<byte> body, Span<byte> into)
    {
        int end = body.IndexOf((byte)0);
        if (end < 0)
        {
            return -Errno.EINVAL;
        }

        if (!NodeKind.IsDirectory(_table[directory].Mode))
        {
            return -Errno.ENOTDIR;
        }

        if (end > FuseWire.LongestName)
        {
            return -Errno.ENAMETOOLONG;
        }

        _entries.WriteEntry(into, _table.Find(directory, body[..end]));
        return FuseWire.EntryOut;
    }

    private int AttributesOf(int node, Span<byte> into)
    {
        into[..16].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(into, FuseEntries.Validity);
        _entries.WriteAttributes(into[16..], node);
        return FuseWire.AttributesOut;
    }

    private int ReadLink(int node, Span<byte> into)
    {
        if (!NodeKind.IsLink(_table[node].Mode))
        {
            return -Errno.EINVAL;
        }

        ReadOnlySpan<byte> target = _table.Target(node);
        target.CopyTo(into);
        return target.Length;
    }

    /// <summary>Where the kernel can do without being answered, it never asks again.</summary>
    private int Open(Span<byte> into, FuseTerms.Features without, uint flags)
    {
        if (tree.Terms?.Has(without) == true)
        {
            return -Errno.ENOSYS;
        }

        into[..FuseWire.OpenOut].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(into[8..], flags);
        return FuseWire.OpenOut;
    }

    private int Read(ulong unique, int number, ReadOnlySpan<byte> body, Span<byte> into)
    {
        ref readonly Node node = ref _table[number];
        if (body.Length < 20 || NodeKind.IsDirectory(node.Mode))
        {
            return body.Length < 20 ? -Errno.EINVAL : -Errno.EISDIR;
        }

        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(body[8..]);
        ulong size = (ulong)ServedTree.Size(node);
        uint wanted = Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(body[16..]), (uint)Math.Min(into.Length, FuseWire.MaximumRead));
        if (!NodeKind.IsFile(node.Mode) || offset >= size || wanted == 0)
        {
            return 0;
        }

        int length = (int)Math.Min(wanted, size - offset);
        if (tree.Source(node.Source) is not { } source)
        {
            return -Errno.EIO;
        }

        tree.Touches.Touch(number);
        BytesRead += length;
        if (slow is not null && source.WouldWait(node.Data, (long)offset, length))
        {
            slow.Take(new SlowRead(unique, source, node.Data, (long)offset, length));
            return Nothing;
        }

        int errno = source.Read(node.Data, (long)offset, into[..length]);
        return errno == 0 ? length : -Math.Abs(errno);
    }

    private int Statfs(Span<byte> into)
    {
        into[..FuseWire.StatfsOut].Clear();
        BinaryPrimitives.WriteInt64LittleEndian(into, tree.Blocks);
        BinaryPrimitives.WriteInt64LittleEndian(into[24..], _table.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(into[40..], BlockSize);
        BinaryPrimitives.WriteUInt32LittleEndian(into[44..], FuseWire.LongestName);
        BinaryPrimitives.WriteUInt32LittleEndian(into[48..], BlockSize);
        return FuseWire.StatfsOut;
    }
}
