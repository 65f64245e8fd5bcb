using System.Buffers.Binary;

namespace GridWrapper.Serving;

/// <summary>What kernel and server agreed to in INIT. Pure.</summary>
internal sealed record FuseTerms
{
    private const uint Major = 7;

    /// <summary>The newest minor version that this server knows the structures of; the kernel adapts to it.</summary>
    private const uint Minor = 38;

    /// <summary>Older kernels have other structures; none that mounts FUSE in a user namespace is that old.</summary>
    private const uint OldestMinor = 12;

    /// <summary>From here on the answer is a long one (EL 7 has 22).</summary>
    private const uint LongReplyMinor = 23;
    private const int ShortReply = 24;

    private const int MajorOnly = 8;
    private const int ShortBody = 16;
    private const int MinimumWrite = 4096;
    private const ushort MaximumPages = 256;
    private const ushort MaximumBackground = 64;
    private const ushort Congestion = 48;

    /// <summary>Length of the body of the reply.</summary>
    internal const int ReplyLength = 64;

    [Flags]
    internal enum Features : uint
    {
        None = 0,
        AsyncRead = 1 << 0,
        ReadDirectoryPlus = 1 << 13,
        ReadDirectoryPlusAuto = 1 << 14,
        NoOpen = 1 << 17,
        ParallelDirectories = 1 << 18,
        AbortError = 1 << 21,
        MaximumPages = 1 << 22,
        CacheLinks = 1 << 23,
        NoOpenDirectory = 1 << 24,
        Extended = 1 << 30,
    }

    /// <summary>What is wanted of what the kernel offers. Never writeback, ACLs or export: nothing here is written, and "." and ".." are not looked up.</summary>
    private const Features Wanted = Features.AsyncRead | Features.ReadDirectoryPlus | Features.ReadDirectoryPlusAuto | Features.NoOpen | Features.ParallelDirectories
        | Features.AbortError | Features.MaximumPages | Features.CacheLinks | Features.NoOpenDirectory | Features.Extended;

    internal required Features Agreed { get; init; }

    /// <summary>Reads an INIT and writes the body of the answer.</summary>
    /// <param name="body">Of the request; its length is the kernel's, and grew over the years.</param>
    /// <param name="reply">Takes the body of the answer.</param>
    /// <param name="length">Of the answer, or minus an errno.</param>
    /// <returns>The terms; null where there are none yet: the kernel will ask again, or the request was refused.</returns>
    internal static FuseTerms? Agree(ReadOnlySpan<byte> body, Span<byte> reply, out int length)
    {
        reply[..ReplyLength].Clear();
        if (body.Length < MajorOnly)
        {
            length = -Linux.Errno.EINVAL;
            return null;
        }

        uint major = BinaryPrimitives.ReadUInt32LittleEndian(body);
        uint minor = BinaryPrimitives.ReadUInt32LittleEndian(body[4..]);
        BinaryPrimitives.WriteUInt32LittleEndian(reply, Major);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[4..], Math.Min(minor, Minor));
        if (major > Major)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(reply[4..], Minor);
            length = ReplyLength;
            return null; // a second INIT comes, with our version
        }

        if (major < Major || minor < OldestMinor || body.Length < ShortBody)
        {
            length = -Linux.Errno.EOPNOTSUPP;
            return null;
        }

        Features agreed = (Features)BinaryPrimitives.ReadUInt32LittleEndian(body[12..]) & Wanted;
        BinaryPrimitives.WriteUInt32LittleEndian(reply[8..], BinaryPrimitives.ReadUInt32LittleEndian(body[8..]));
        BinaryPrimitives.WriteUInt32LittleEndian(reply[12..], (uint)agreed);
        BinaryPrimitives.WriteUInt16LittleEndian(reply[16..], MaximumBackground);
        BinaryPrimitives.WriteUInt16LittleEndian(reply[18..], Congestion);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[20..], MinimumWrite);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[24..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(reply[28..], agreed.HasFlag(Features.MaximumPages) ? MaximumPages : (ushort)0);
        length = minor < LongReplyMinor ? ShortReply : ReplyLength;
        return new FuseTerms { Agreed = agreed };
    }

    internal bool Has(Features feature) => (Agreed & feature) != 0;
}
