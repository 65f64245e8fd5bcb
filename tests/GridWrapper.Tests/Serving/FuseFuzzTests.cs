using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>Damaged and made-up requests: what leaves is a well-formed reply or nothing. tests/testbed/fuzz-serving.sh runs it for as long as asked (GRIDWRAP_FUZZ_SECONDS).</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class FuseFuzzTests
{
    private static readonly uint[] Opcodes = [1, 2, 3, 5, 14, 15, 17, 18, 22, 23, 25, 26, 27, 28, 29, 34, 35, 36, 38, 39, 42, 44, 46, 4096];
    private static readonly ulong[] Numbers = [0, 1, 2, 3, 4, 6, 7, 10, 254, 255, 4096, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000001, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFD, 0xFFFFFFFFFFFFFFFF];

    [Test]
    public void Whatever_is_asked_the_reply_is_well_formed()
    {
        string? asked = Environment.GetEnvironmentVariable("GRIDWRAP_FUZZ_SECONDS");
        int seed = asked is null ? 1 : Environment.TickCount;
        Random random = new(seed);
        ServedTree tree = FuseRequest.Tree();
        FuseAnswers answers = new(tree, new FuzzReaders.NoSlowReads());
        FuzzCorpus corpus = new("request");
        byte[] reply = new byte[FuseWire.OutHeader + FuseWire.MaximumRead];
        Stopwatch time = Stopwatch.StartNew();
        long count = 0;
        for (; asked is null ? count < 200_000 : time.Elapsed.TotalSeconds < double.Parse(asked, CultureInfo.InvariantCulture); count++)
        {
            byte[] request = Next(random);
            string way = FuzzReaders.Request(answers, request, reply, out int length);
            if (Fault(request, reply, length) is { } fault)
            {
                Assert.Fail($"{fault}; seed {seed}, request {Convert.ToHexString(request)}");
            }

            // Some replies depend on what was agreed before.
            if (corpus.Wants(way, request) && FuzzReaders.Of("request", request) == way)
            {
                corpus.Note(way, request);
            }
        }

        corpus.Keep();
        TestContext.Out.WriteLine($"{count} requests, seed {seed}");
        Assert.That(count, Is.Positive);
    }

    private static byte[] Next(Random random)
    {
        uint opcode = Opcodes[random.Next(Opcodes.Length)];
        byte[] body = new byte[random.Next(4) switch { 0 => random.Next(8), 1 => 40, 2 => random.Next(64), _ => random.Next(600) }];
        random.NextBytes(body);
        for (int at = 0; at + 8 <= body.Length && random.Next(5) != 0; at += 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(body.AsSpan(at), Numbers[random.Next(Numbers.Length)]);
        }

        byte[] request = FuseRequest.Of(opcode, Numbers[random.Next(Numbers.Length)], body);
        if (random.Next(8) == 0)
        {
            request[random.Next(request.Length)] = (byte)random.Next(256);
        }

        return random.Next(16) == 0 ? request[..random.Next(request.Length)] : request;
    }

    private static string? Fault(byte[] request, byte[] reply, int length)
    {
        if (length == FuseAnswers.Silence)
        {
            return request.Length < FuseWire.InHeader || BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(4)) is 2 or 15 or 36 or 42 ? null : "no reply";
        }

        int errno = BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(4));
        bool isEcho = reply.AsSpan(8, 8).SequenceEqual(request.AsSpan(8, 8));
        return length is < 16 or > 16 + FuseWire.MaximumRead || MemoryMarshal.Read<int>(reply) != length ? $"a length of {length}"
            : errno is > 0 or < -133 || (errno != 0 && length != 16) ? $"errno {errno} with {length} bytes"
            : errno == -5 && !IsFailing(request) ? "an exception"
            : isEcho ? null : "another request's number";
    }

    /// <summary>The one file whose source fails.</summary>
    private static bool IsFailing(byte[] request) => BinaryPrimitives.ReadUInt64LittleEndian(request.AsSpan(16)) == 6;
}
