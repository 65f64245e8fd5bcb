namespace GridWrapper.Serving;

/// <summary>Numbers and sizes of the FUSE protocol (include/uapi/linux/fuse.h of the kernel), major version 7. Little-endian, naturally packed.</summary>
internal static class FuseWire
{
    internal const int InHeader = 40;
    internal const int OutHeader = 16;
    internal const int Attributes = 88;
    internal const int EntryOut = 128;
    internal const int AttributesOut = 104;
    internal const int EntryHead = 24;
    internal const int StatfsOut = 80;
    internal const int OpenOut = 16;
    internal const int Alignment = 8;

    /// <summary>The kernel's largest request without write data fits, and so does the smallest buffer that it insists on.</summary>
    internal const int RequestBytes = 64 * 1024;

    /// <summary>The largest read that is agreed to.</summary>
    internal const int MaximumRead = 1 << 20;

    internal const int LongestName = 255;

    internal const uint Lookup = 1;
    internal const uint Forget = 2;
    internal const uint GetAttributes = 3;
    internal const uint SetAttributes = 4;
    internal const uint ReadLink = 5;
    internal const uint SymbolicLink = 6;
    internal const uint MakeNode = 8;
    internal const uint MakeDirectory = 9;
    internal const uint Unlink = 10;
    internal const uint RemoveDirectory = 11;
    internal const uint Rename = 12;
    internal const uint Link = 13;
    internal const uint Open = 14;
    internal const uint Read = 15;
    internal const uint Write = 16;
    internal const uint Statfs = 17;
    internal const uint Release = 18;
    internal const uint Fsync = 20;
    internal const uint SetXattr = 21;
    internal const uint GetXattr = 22;
    internal const uint ListXattr = 23;
    internal const uint RemoveXattr = 24;
    internal const uint Flush = 25;
    internal const uint Init = 26;
    internal const uint OpenDirectory = 27;
    internal const uint ReadDirectory = 28;
    internal const uint ReleaseDirectory = 29;
    internal const uint FsyncDirectory = 30;
    internal const uint Create = 35;
    internal const uint Interrupt = 36;
    internal const uint Destroy = 38;
    internal const uint Ioctl = 39;
    internal const uint BatchForget = 42;
    internal const uint Fallocate = 43;
    internal const uint ReadDirectoryPlus = 44;
    internal const uint Rename2 = 45;
    internal const uint CopyFileRange = 47;
    internal const uint TemporaryFile = 51;

    internal const uint KeepCache = 2;
    internal const uint CacheDirectory = 8;
    internal const uint NoFlush = 32;
}
