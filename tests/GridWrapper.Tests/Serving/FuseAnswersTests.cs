using System.Buffers.Binary;
using System.Runtime.InteropServices;
using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>Replies byte by byte, and what a request that lies gets.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class FuseAnswersTests
{
    private const uint AllOffered = 0x73fffffb;
    private const ulong File = 2, Directory = 3, Link = 4, Device = 5, Failing = 6;

    [Test]
    public void An_entry_is_laid_out_as_the_kernel_has_it()
    {
        byte[] reply = Ask(FuseRequest.Of(FuseWire.Lookup, 1, "f\0"u8));
        byte[] expected = new byte[144];
        Put(expected, 0, 144);
        Put(expected, 8, 0x55667788, 0x11223344);
        Put(expected, 16, 2, 0, 0, 0, 31536000, 0, 31536000, 0, 0, 0);
        Put(expected, 56, 2, 0, 10, 0, 1, 0, 1_700_000_000, 0, 1_700_000_000, 0, 1_700_000_000, 0, 5, 5, 5, 0x81A4, 2, 12345, 54321, 0, 4096, 0);
        Assert.That(reply, Is.EqualTo(expected));
    }

    [Test]
    public void Attributes_are_laid_out_as_the_kernel_has_them()
    {
        byte[] reply = Ask(FuseRequest.Of(FuseWire.GetAttributes, Directory, new byte[16]));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(reply, Has.Length.EqualTo(16 + 104));
            Assert.That(Word(reply, 16), Is.EqualTo(31536000));
            Assert.That(Word(reply, 32), Is.EqualTo(3), "inode");
            Assert.That(Word(reply, 32 + 60), Is.EqualTo(0x41ED), "mode");
            Assert.That(Word(reply, 32 + 64), Is.EqualTo(1), "links");
        }
    }

    [Test]
    public void A_name_that_is_not_there_may_be_remembered()
    {
        byte[] reply = Ask(FuseRequest.Of(FuseWire.Lookup, 1, "nope\0"u8));
        Assert.That((reply.Length, Errno(reply), Word(reply, 16), Word(reply, 32)), Is.EqualTo((144, 0, 0, 31536000)));
    }

    [TestCase(0, 4096, "0123456789")]
    [TestCase(3, 4, "3456")]
    [TestCase(8, 100, "89")]
    [TestCase(10, 100, "")]
    [TestCase(long.MaxValue, 100, "")]
    [TestCase(-1, 100, "")]
    [TestCase(0, 0, "")]
    [TestCase(0, uint.MaxValue, "0123456789")]
    public void Reads_end_with_the_file(long offset, long size, string expected) =>
        Assert.That(Encoding.UTF8.GetString(Ask(FuseRequest.Read(FuseWire.Read, File, unchecked((ulong)offset), (uint)size)).AsSpan(16)), Is.EqualTo(expected));

    [Test]
    public void A_source_that_fails_fails_that_read() => Assert.That(Errno(Ask(FuseRequest.Read(FuseWire.Read, Failing, 0, 4096))), Is.EqualTo(-5));

    [Test]
    public void A_device_is_an_empty_file()
    {
        Assert.That(Word(Ask(FuseRequest.Of(FuseWire.GetAttributes, Device, new byte[16])), 32 + 60), Is.EqualTo(0x81B6));
        Assert.That(Ask(FuseRequest.Read(FuseWire.Read, Device, 0, 100)), Has.Length.EqualTo(16));
    }

    [Test]
    public void A_link_is_its_target_and_nothing_behind_it() => Assert.That(Ask(FuseRequest.Of(FuseWire.ReadLink, Link)).AsSpan(16).ToArray(), Is.EqualTo("f"u8.ToArray()));

    [Test]
    public void A_listing_is_laid_out_as_the_kernel_has_it()
    {
        byte[] reply = Ask(FuseRequest.Read(FuseWire.ReadDirectory, 3, 0, 4096));
        byte[] expected = new byte[16 + 96];
        Put(expected, 0, 112);
        Put(expected, 8, 0x55667788, 0x11223344);
        Put(expected, 16, 3, 0, 1, 0, 1, 4, '.', 0, 1, 0, 2, 0, 2, 4, '.' | ('.' << 8), 0, 2, 0, 5, 0, 1, 8, 'g', 0);
        Assert.That(reply, Is.EqualTo(expected));
    }

    [TestCase(FuseWire.ReadDirectory, 32)]
    [TestCase(FuseWire.ReadDirectory, 100)]
    [TestCase(FuseWire.ReadDirectoryPlus, 160)]
    [TestCase(FuseWire.ReadDirectoryPlus, 4096)]
    public void A_listing_in_parts_is_the_listing(uint opcode, int room)
    {
        ServedTree tree = FuseRequest.Tree();
        List<string> names = [];
        int head = opcode == FuseWire.ReadDirectoryPlus ? FuseWire.EntryOut : 0;
        for (ulong position = 0; ;)
        {
            byte[] reply = Ask(FuseRequest.Read(opcode, 1, position, (uint)room), tree);
            Assert.That(reply.Length, Is.LessThanOrEqualTo(16 + room));
            if (reply.Length == 16)
            {
                break;
            }

            for (int at = 16; at < reply.Length;)
            {
                int length = Word(reply, at + head + 16);
                position = BinaryPrimitives.ReadUInt64LittleEndian(reply.AsSpan(at + head + 8));
                names.Add(Encoding.UTF8.GetString(reply, at + head + 24, length));
                if (head > 0)
                {
                    Assert.That(Word(reply, at), Is.EqualTo(names[^1] is "." or ".." ? 0 : Word(reply, at + head)), "no lookup is counted for . and ..");
                }

                at += (head + 24 + length + 7) / 8 * 8;
            }
        }

        Assert.That(names, Is.EqualTo(new[] { ".", "..", "f", "d", "l", "w", "x" }));
    }

    [TestCase(3UL, 4UL, Description = "an entry of another directory")]
    [TestCase(1UL, 4711UL)]
    [TestCase(1UL, ulong.MaxValue)]
    [TestCase(1UL, 0x8000000000000002UL)]
    public void A_listing_goes_on_nowhere_from_a_position_that_is_none(ulong node, ulong position) =>
        Assert.That(Ask(FuseRequest.Read(FuseWire.ReadDirectory, node, position, 4096)), Has.Length.EqualTo(16));

    [TestCase("user.a", 0u, 8, 0, 3)]
    [TestCase("user.a", 3u, 3, 0, 'o' | ('n' << 8) | ('e' << 16))]
    [TestCase("user.a", 2u, 0, -34, 0)]
    [TestCase("user.b", 9u, 0, 0, 0)]
    [TestCase("user.c", 9u, 0, -61, 0)]
    public void Extended_attributes_have_a_length_and_a_value(string name, uint room, int length, int errno, int first)
    {
        byte[] reply = Ask(FuseRequest.Xattr(FuseWire.GetXattr, File, room, name));
        byte[] start = [.. reply.Skip(16).Take(4), 0, 0, 0, 0];
        Assert.That((reply.Length - 16, Errno(reply), Word(start, 0)), Is.EqualTo((length, errno, first)));
    }

    [Test]
    public void Names_of_extended_attributes_end_with_nul() =>
        Assert.That(Encoding.UTF8.GetString(Ask(FuseRequest.Xattr(FuseWire.ListXattr, File, 100, "")).AsSpan(16)), Is.EqualTo("user.a\0user.b\0"));

    [TestCase(FuseWire.SetAttributes, -30)]
    [TestCase(FuseWire.Create, -30)]
    [TestCase(FuseWire.Write, -30)]
    [TestCase(FuseWire.Rename2, -30)]
    [TestCase(FuseWire.SetXattr, -30)]
    [TestCase(FuseWire.Ioctl, -25)]
    [TestCase(34u, -38, Description = "ACCESS")]
    [TestCase(46u, -38, Description = "LSEEK")]
    [TestCase(52u, -38, Description = "STATX")]
    [TestCase(4711u, -38)]
    [TestCase(uint.MaxValue, -38)]
    [TestCase(FuseWire.Lookup, -22, Description = "a name without an end")]
    [TestCase(FuseWire.Read, -22, Description = "a body that is too short")]
    [TestCase(FuseWire.ReadDirectory, -22)]
    [TestCase(FuseWire.ReadLink, -22, Description = "the root is no link")]
    public void What_cannot_be_is_refused(uint opcode, int errno) => Assert.That(Errno(Ask(FuseRequest.Of(opcode, 1))), Is.EqualTo(errno));

    [TestCase(FuseWire.Forget)]
    [TestCase(FuseWire.BatchForget)]
    [TestCase(FuseWire.Interrupt)]
    public void Some_requests_are_never_answered(uint opcode) => Assert.That(Ask(FuseRequest.Of(opcode, 1, new byte[16])), Is.Empty);

    [TestCase(0UL)]
    [TestCase(7UL)]
    [TestCase(ulong.MaxValue)]
    [TestCase(0x100000002UL, Description = "whose lower half is a node")]
    public void A_node_that_is_none_is_not_there(ulong node) => Assert.That(Errno(Ask(FuseRequest.Of(FuseWire.GetAttributes, node, new byte[16]))), Is.EqualTo(-2));

    [Test]
    public void A_length_that_lies_is_refused()
    {
        byte[] request = FuseRequest.Of(FuseWire.Lookup, 1, "f\0"u8);
        request[0]--;
        Assert.That(Errno(Ask(request)), Is.EqualTo(-22));
        Assert.That(Ask(request[..39]), Is.Empty);
    }

    [Test]
    public void A_name_that_is_too_long_is_refused() => Assert.That(Errno(Ask(FuseRequest.Of(FuseWire.Lookup, 1, [.. new byte[256].Select(_ => (byte)'a'), 0]))), Is.EqualTo(-36));

    [TestCase(AllOffered, -38, -38)]
    [TestCase(0u, 0, 0)]
    [TestCase(1u << 17, -38, 0)]
    public void Opening_is_asked_for_only_where_it_must(uint offered, int open, int openDirectory)
    {
        ServedTree tree = FuseRequest.Tree();
        Ask(FuseRequest.Init(7, 45, offered, 64), tree);
        byte[] file = Ask(FuseRequest.Of(FuseWire.Open, File, new byte[8]), tree), directory = Ask(FuseRequest.Of(FuseWire.OpenDirectory, 1, new byte[8]), tree);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((Errno(file), Errno(directory)), Is.EqualTo((open, openDirectory)));
            Assert.That(file.Length == 16 || Word(file, 24) == (2 | 32));
            Assert.That(directory.Length == 16 || Word(directory, 24) == (2 | 8));
        }
    }

    [TestCase(7u, 45u, 64, 64, 38u, 0x41E66001u, Description = "Linux 6.18")]
    [TestCase(7u, 31u, 16, 64, 31u, 0x41E66001u, Description = "a short request")]
    [TestCase(7u, 22u, 16, 24, 22u, 0x41E66001u, Description = "EL 7: a short answer")]
    [TestCase(8u, 1u, 64, 64, 38u, 0u, Description = "a new major version asks again")]
    public void Terms_follow_the_kernels_version(uint major, uint minor, int length, int replyLength, uint answered, uint flags)
    {
        ServedTree tree = FuseRequest.Tree();
        byte[] reply = Ask(FuseRequest.Init(major, minor, AllOffered, length), tree);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(reply, Has.Length.EqualTo(16 + replyLength));
            Assert.That((Word(reply, 16), Word(reply, 20), (uint)Word(reply, 28)), Is.EqualTo((7, (int)answered, flags)));
            Assert.That(tree.Terms is null, Is.EqualTo(major > 7));
        }
    }

    [TestCase(6u, 1u, 64)]
    [TestCase(7u, 5u, 64)]
    [TestCase(7u, 45u, 12)]
    [TestCase(7u, 45u, 4)]
    public void Terms_that_cannot_be_met_are_refused(uint major, uint minor, int length) =>
        Assert.That(Errno(Ask(FuseRequest.Of(FuseWire.Init, 0, FuseRequest.Init(major, minor, 0, Math.Max(length, 16)).AsSpan(40, length)))), Is.Negative);

    [Test]
    public void The_first_reads_are_told_in_order()
    {
        ServedTree tree = FuseRequest.Tree();
        foreach (ulong node in (ulong[])[Failing, File, Failing, File])
        {
            Ask(FuseRequest.Read(FuseWire.Read, node, 0, 1), tree);
        }

        Assert.That(tree.Touches.Order, Is.EqualTo(new[] { 5, 1 }));
    }

    private static byte[] Ask(byte[] request, ServedTree? tree = null)
    {
        byte[] reply = new byte[FuseWire.OutHeader + FuseWire.MaximumRead];
        Array.Fill(reply, (byte)0xAA);
        return reply[..new FuseAnswers(tree ?? FuseRequest.Tree(), null).Answer(request, reply)];
    }

    private static int Errno(byte[] reply) => Word(reply, 4);

    private static int Word(byte[] reply, int at) => BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(at));

    private static void Put(byte[] into, int at, params ReadOnlySpan<int> words) => MemoryMarshal.AsBytes(words).CopyTo(into.AsSpan(at));
}
