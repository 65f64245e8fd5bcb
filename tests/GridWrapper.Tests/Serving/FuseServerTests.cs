using System.Buffers.Binary;
using GridWrapper.Linux;
using GridWrapper.Serving;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Tests.Serving;

/// <summary>The server without a kernel: a socket that keeps messages apart in place of the device.</summary>
[TestFixture, Parallelizable(ParallelScope.All), CancelAfter(60_000)]
internal sealed class FuseServerTests
{
    private const ulong Digits = 2;
    private const ulong Gated = 7;

    [Test]
    public void Requests_are_answered_and_counted()
    {
        using Bed bed = new();
        bed.Send(FuseRequest.Init(7, 45, 0x73fffffb, 64), 1);
        Assert.That(bed.Receive().Unique, Is.EqualTo(1));
        Assert.That(bed.Answered.Wait(10_000), "that the mount answers was told");
        for (ulong i = 2; i < 200; i++)
        {
            bed.Send(FuseRequest.Of(FuseWire.Lookup, 1, "f\0"u8), i);
            Assert.That(bed.Receive(), Is.EqualTo((i, 0, 144)));
        }

        bed.Send(FuseRequest.Read(FuseWire.Read, Digits, 2, 100), 1000);
        Assert.That(bed.Receive(), Is.EqualTo((1000, 0, 24)));
        bed.Server.Stop(TimeSpan.FromSeconds(10));
        ServingFigures figures = bed.Server.Figures;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(figures.Requests, Is.EqualTo(new Dictionary<string, long> { ["init"] = 1, ["lookup"] = 198, ["read"] = 1 }));
            Assert.That((figures.BytesRead, figures.FirstReads), Is.EqualTo((8, (ImmutableArray<int>)[1])).Using<(long, ImmutableArray<int>)>((a, b) => a.Item1 == b.Item1 && a.Item2.SequenceEqual(b.Item2)));
            Assert.That(figures.CpuSeconds, Is.Positive);
        }
    }

    [TestCase(true, Description = "it says that it would wait")]
    [TestCase(false, Description = "it holds its reader up: another takes its place")]
    public void Who_waits_holds_nobody_else_up(bool says)
    {
        using Bed bed = new();
        bed.Gate.Says = says;
        bed.Send(FuseRequest.Read(FuseWire.Read, Gated, 0, 4), 1);
        bed.Send(FuseRequest.Read(FuseWire.Read, Gated, 4, 4), 2);
        bed.Send(FuseRequest.Of(FuseWire.Lookup, 1, "f\0"u8), 3);
        Assert.That(bed.Receive(), Is.EqualTo((3, 0, 144)));
        bed.Gate.Open.Set();
        Assert.That(new[] { bed.Receive().Unique, bed.Receive().Unique }, Is.EquivalentTo(new[] { 1, 2 }));
    }

    [TestCase(false), TestCase(true, Description = "before the request that it is about")]
    public void An_interrupted_read_that_waits_ends(bool early)
    {
        using Bed bed = new();
        bed.Gate.Says = true;
        byte[] interrupt = FuseRequest.Of(FuseWire.Interrupt, 0, [5, 0, 0, 0, 0, 0, 0, 0]), read = FuseRequest.Read(FuseWire.Read, Gated, 0, 4);
        bed.Send(early ? interrupt : read, early ? 99u : 5u);
        bed.Send(early ? read : interrupt, early ? 5u : 99u);
        Assert.That(bed.Receive(), Is.EqualTo((5, -Errno.EINTR, 16)));
        bed.Gate.Open.Set();
        bed.Send(FuseRequest.Of(FuseWire.Lookup, 1, "f\0"u8), 6);
        Assert.That(bed.Receive().Unique, Is.EqualTo(6), "and is not answered twice");
    }

    [Test]
    public void Another_read_is_not_interrupted()
    {
        using Bed bed = new();
        bed.Gate.Says = true;
        bed.Send(FuseRequest.Read(FuseWire.Read, Gated, 0, 4), 5);
        bed.Send(FuseRequest.Of(FuseWire.Interrupt, 0, [4, 0, 0, 0, 0, 0, 0, 0]), 99);
        bed.Gate.Open.Set();
        Assert.That(bed.Receive(), Is.EqualTo((5, 0, 20)));
    }

    [Test]
    public void More_reads_may_wait_than_there_are_threads_for()
    {
        using Bed bed = new();
        bed.Gate.Says = true;
        for (ulong i = 1; i <= 100; i++)
        {
            bed.Send(FuseRequest.Read(FuseWire.Read, Gated, 0, 4), i);
        }

        bed.Send(FuseRequest.Of(FuseWire.Lookup, 1, "f\0"u8), 200);
        Assert.That(bed.Receive().Unique, Is.EqualTo(200));
        bed.Gate.Open.Set();
        Assert.That(Enumerable.Range(0, 100).Select(_ => bed.Receive().Unique).Order(), Is.EqualTo(Enumerable.Range(1, 100)));
    }

    [Test]
    public void The_end_of_the_mount_is_the_servers()
    {
        using Bed bed = new();
        bed.Kernel.Dispose();
        bed.Server.Stop(TimeSpan.FromSeconds(10));
        Assert.That(bed.Server.Readers, Is.Zero);
    }

    /// <summary>A server on one end of a socket pair, and the kernel's part on the other.</summary>
    private sealed class Bed : IDisposable
    {
        private readonly byte[] _reply = new byte[1 << 17];

        internal unsafe Bed()
        {
            const int seqPacket = 5, nonBlocking = 0x800;
            int* fds = stackalloc int[2];
            Assert.That(Libc.SocketPair(Libc.AF_UNIX, seqPacket | nonBlocking | Libc.O_CLOEXEC, 0, fds), Is.Zero);
            Kernel = new SafeFileHandle(fds[1], ownsHandle: true);
            ServedTree tree = FuseRequest.Tree();
            NodeTable table = tree.Table;
            table.Set(NodeTable.Root, "gated"u8, table.Add(new Node { Mode = NodeKind.File | 0x124, Size = 100, Source = 2 }));
            tree = new ServedTree(new ServedRoot(table, [new FuseRequest.Digits(), new FuseRequest.Broken(), Gate]), 1, 1);
            Server = new FuseServer(new RequestDevice(new SafeFileHandle(fds[0], ownsHandle: true)), tree, Answered.Set);
            Server.Start();
        }

        internal SafeFileHandle Kernel { get; }

        internal FuseServer Server { get; }

        internal Gate Gate { get; } = new();

        internal ManualResetEventSlim Answered { get; } = new();

        internal unsafe void Send(byte[] request, ulong unique)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(request.AsSpan(8), unique);
            fixed (byte* bytes = request)
            {
                Assert.That(Pipe.WriteAll((int)Kernel.DangerousGetHandle(), bytes, request.Length));
            }
        }

        internal unsafe (int Unique, int Errno, int Length) Receive()
        {
            Assert.That(Pipe.WaitReadable(Kernel, TimeSpan.FromSeconds(30)));
            int length;
            fixed (byte* bytes = _reply)
            {
                length = (int)Libc.ReadDevice(Kernel, bytes, _reply.Length);
            }

            return ((int)BinaryPrimitives.ReadUInt64LittleEndian(_reply.AsSpan(8)), BinaryPrimitives.ReadInt32LittleEndian(_reply.AsSpan(4)), length);
        }

        public void Dispose()
        {
            Gate.Open.Set();
            Server.Dispose();
            Kernel.Dispose();
        }
    }

    private sealed class Gate : FileSource
    {
        internal ManualResetEventSlim Open { get; } = new();

        internal bool Says { get; set; }

        internal override int Read(long data, long offset, Span<byte> into)
        {
            _ = Open.Wait(30_000);
            into.Clear();
            return 0;
        }

        internal override bool WouldWait(long data, long offset, int length) => Says && !Open.IsSet;
    }
}
