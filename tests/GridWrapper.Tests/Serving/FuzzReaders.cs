using System.Buffers.Binary;
using GridWrapper.Images;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>The readers of what comes from elsewhere, each as a function from bytes to the way in which it ended. Anything but a result or a refusal is an exception.</summary>
internal static class FuzzReaders
{
    /// <summary>Any blob's digest; what is looked at is not the digest.</summary>
    private static readonly Digest Some = Digest.Of("blob"u8);

    internal static string Of(string reader, byte[] input) => reader switch
    {
        "toc" => Toc(input),
        "footer" => Footer(input),
        "member" => Member(input),
        "index" => Index(input),
        "request" => Request(input, new byte[FuseWire.OutHeader + FuseWire.MaximumRead]),
        _ => throw new ArgumentException($"no reader '{reader}'", nameof(reader)),
    };

    internal static string Toc(byte[] json) => Try(() => LazyTree.Read(json, new Descriptor(MediaTypes.OciLayerGzip, Some, 5000), 4000));

    /// <param name="input">The first byte is the kind of layer.</param>
    internal static string Footer(byte[] input) => Try(() =>
    {
        TocPosition position = LazyFooter.Read((LazyKind)(input[0] & 1), input.AsSpan(1).ToArray(), 5051);
        Assert.That(position.Offset > 0 && position.Length > 0 && position.Offset + position.Length <= 5051);
    });

    internal static string Member(byte[] member) => Try(() => TocDocument.Unpack(new PackedToc(new TocPosition(1, 1), member), new LazyFormat(LazyKind.Estargz) { Toc = Some }, Some));

    /// <summary>Where it is read, everything in it is walked over.</summary>
    internal static string Index(byte[] file) => Try(() =>
    {
        PackedIndex index = PackedIndexFileTests.Read(file);
        var union = new RootUnion();
        union.Add(LayerTrees.Of(new TarBuilder().File("lower/file", "x").Dir("d").Build()), 0, "below");
        union.Add(index.Tree, 1, "fuzzed");
        NodeListing.Of(union.Table, node => index.Sparse.Of(node.Data).Length > 100 ? [1] : [], times: true);
    });

    internal static string Request(byte[] request, byte[] reply) => Request(new FuseAnswers(FuseRequest.Tree(), new NoSlowReads()), request, reply, out _);

    /// <summary>Operation, length class and errno.</summary>
    internal static string Request(FuseAnswers answers, byte[] request, byte[] reply, out int length)
    {
        length = answers.Answer(request, reply);
        uint opcode = request.Length < FuseWire.InHeader ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(request.AsSpan(4));
        string operation = opcode < 64 ? opcode.ToString(CultureInfo.InvariantCulture) : "unknown";
        return length == FuseAnswers.Silence ? $"operation {operation}: silence"
            : BinaryPrimitives.ReadInt32LittleEndian(reply.AsSpan(4)) is not 0 and int errno ? string.Create(CultureInfo.InvariantCulture, $"operation {operation}: errno {-errno}")
            : $"operation {operation}: {(length == FuseWire.OutHeader ? "done" : "content")}";
    }

    private static string Try(Action action)
    {
        try
        {
            action();
            return FuzzCorpus.Way(null);
        }
        catch (InvalidDataException e)
        {
            return FuzzCorpus.Way(e);
        }
    }

    internal sealed class NoSlowReads : ISlowReads
    {
        public void Take(in SlowRead read)
        {
        }

        public void Interrupt(ulong unique)
        {
        }
    }
}
