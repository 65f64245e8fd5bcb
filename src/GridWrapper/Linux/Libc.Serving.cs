using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Linux;

/// <summary>What serving a file system needs: the device, the socket that it comes over, and an account of the threads.</summary>
internal static unsafe partial class Libc
{
    internal const int AF_UNIX = 1;
    internal const int SOCK_SEQPACKET = 5;
    internal const int MSG_NOSIGNAL = 0x4000;
    internal const int MSG_CMSG_CLOEXEC = 0x40000000;
    internal const int ThreadCpuClock = 3;

    [LibraryImport("libc.so.6", EntryPoint = "read", SetLastError = true)]
    internal static partial nint ReadDevice(SafeFileHandle device, byte* buffer, nint count);

    [LibraryImport("libc.so.6", EntryPoint = "write", SetLastError = true)]
    internal static partial nint WriteDevice(SafeFileHandle device, byte* buffer, nint count);

    [LibraryImport("libc.so.6", EntryPoint = "socketpair", SetLastError = true)]
    internal static partial int SocketPair(int domain, int type, int protocol, int* fds);

    [LibraryImport("libc.so.6", EntryPoint = "recvmsg", SetLastError = true)]
    internal static partial nint ReceiveMessage(SafeFileHandle socket, MessageHeader* message, int flags);

    [LibraryImport("libc.so.6", EntryPoint = "send", SetLastError = true)]
    internal static partial nint Send(SafeFileHandle socket, byte* buffer, nint count, int flags);

    [LibraryImport("libc.so.6", EntryPoint = "shutdown", SetLastError = true)]
    internal static partial int Shutdown(SafeFileHandle socket, int how);

    [LibraryImport("libc.so.6", EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int EventFd(uint value, int flags);

    [LibraryImport("libc.so.6", EntryPoint = "clock_gettime", SetLastError = true)]
    internal static partial int GetClock(int clock, long* secondsAndNanoseconds);

    [LibraryImport("libc.so.6", EntryPoint = "mmap", SetLastError = true)]
    internal static partial byte* MapMemory(void* at, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc.so.6", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int UnmapMemory(void* at, nuint length);

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MessageHeader
    {
        internal void* Name;
        internal uint NameLength;
        internal MessagePart* Parts;
        internal nuint PartCount;
        internal void* Control;
        internal nuint ControlLength;
        internal int Flags;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MessagePart
    {
        internal void* Base;
        internal nuint Length;
    }

    /// <summary>struct cmsghdr with one descriptor behind it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct DescriptorMessage
    {
        internal nuint Length;
        internal int Level;
        internal int Type;
        internal int Descriptor;
        private readonly int _padding;
    }
}
