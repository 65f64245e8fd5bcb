using System.Text.Json.Nodes;
using GridWrapper.Images;
using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>Tables of contents of all dialects: the trees and the bytes are those of the archive, and what no honest program writes is refused.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LazyLayerTests
{
    private const int Batches = 8;
    private const int ArchivesInBatch = 20;

    [Test]
    public async Task A_table_of_contents_gives_the_tree_and_the_bytes_of_the_archive([Values] LazyDialect dialect, CancellationToken ct)
    {
        AssumeZstd(dialect);
        using var bench = new LazyBench();
        byte[] tar = Ordinary(dialect);
        LazyLayer layer = await bench.OpenAsync(LazyBlob.Of(tar, dialect), ct);

        Assert.That(NodeListing.Of(layer.Tree.Table, node => LazyBench.Content(layer, node), times: true), Is.EqualTo(NodeListing.Of(LayerTrees.Of(tar).Table, Content(tar), times: true)));
    }

    [Test]
    public async Task Random_archives_are_the_same_through_every_dialect([Values] LazyDialect dialect, [Range(1, Batches)] int seed, CancellationToken ct)
    {
        AssumeZstd(dialect);
        var random = new RandomArchive(seed);
        for (int i = 0; i < ArchivesInBatch; i++)
        {
            byte[] tar = random.Next();
            string expected = Outcome(() => NodeListing.Of(LayerTrees.Of(tar).Table, Content(tar), times: true));
            using var bench = new LazyBench();
            string got;
            try
            {
                LazyLayer layer = await bench.OpenAsync(LazyBlob.Of(tar, dialect), ct);
                got = Outcome(() => NodeListing.Of(layer.Tree.Table, node => LazyBench.Content(layer, node), times: true));
            }
            catch (InvalidDataException)
            {
                got = "refused";
            }

            Assert.That(got, Is.EqualTo(expected));
        }
    }

    [Test]
    public async Task Landmarks_are_hidden_and_say_what_is_wanted_first(CancellationToken ct)
    {
        byte[] tar = new TarBuilder().File("first", "1").File("second", "2").File("third", "3").Build();
        using var bench = new LazyBench();
        LazyLayer layer = await bench.OpenAsync(LazyBlob.Of(tar, LazyDialect.Estargz, landmark: 2), ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(NodeListing.Of(layer.Tree.Table, node => LazyBench.Content(layer, node)), Is.EqualTo((string[])["first 644 1", "second 644 2", "third 644 3"]));
            Assert.That(layer.PrefetchMembers, Is.EqualTo(2));
        }
    }

    private static IEnumerable<TestCaseData> Hostile()
    {
        static TestCaseData Case(string name, string reason, Action<JsonArray> change) => new TestCaseData(change, reason).SetName("Hostile_toc_" + name);
        yield return Case("offset_0", "is said to lie at byte 0", toc => Big(toc)["offset"] = 0);
        yield return Case("offset_behind_the_files", "whose files end", toc => Big(toc)["offset"] = 1 << 30);
        yield return Case("no_digest", "no sha256 digest", toc => Big(toc).Remove("chunkDigest"));
        yield return Case("another_digest", "no sha256 digest", toc => Big(toc)["chunkDigest"] = "md5:00");
        yield return Case("negative_size", "its size is no number", toc => Big(toc)["size"] = -1);
        yield return Case("fraction", "its size is no number", toc => Big(toc)["size"] = 1.5);
        yield return Case("too_short", "pieces end at byte", toc => Big(toc)["size"] = 100_000);
        yield return Case("too_long", "does not fit", toc => Big(toc)["size"] = 1000);
        yield return Case("gap", "does not fit", toc => toc.Skip(2).First()!["chunkOffset"] = 701);
        yield return Case("overflow", "at most", toc => Big(toc)["innerOffset"] = long.MaxValue);
        yield return Case("huge", "", toc => Big(toc)["size"] = long.MaxValue);
        yield return Case("climbing", "climbs out", toc => Big(toc)["name"] = "a/../../b");
        yield return Case("unknown_type", "is not known", toc => Big(toc)["type"] = "door");
        yield return Case("unknown_chunk_type", "is not known", toc => Big(toc)["chunkType"] = "ones");
        yield return Case("no_type", "no type", toc => Big(toc).Remove("type"));
        yield return Case("no_name", "no type, or no name", toc => Big(toc).Remove("name"));
        yield return Case("chunk_of_nothing", "does not fit", toc => toc.Insert(0, new JsonObject { ["type"] = "chunk" }));
        yield return Case("link_to_itself_only", "refused", toc => toc.Add(new JsonObject { ["name"] = "l", ["type"] = "hardlink", ["linkName"] = "" }));
        yield return Case("time", "is no time", toc => Big(toc)["modtime"] = "yesterday");
        yield return Case("xattr", "not in base64", toc => Big(toc)["xattrs"] = new JsonObject { ["user.x"] = "§" });
        yield return Case("xattrs", "are no object", toc => Big(toc)["xattrs"] = "x");
        yield return Case("entry", "an entry is no object", toc => toc.Add(1));
        yield return Case("many_times_one_member", "more than the", toc => Repeat(toc));
        yield return Case("name_that_is_no_text", "its name is no text", toc => Big(toc)["name"] = 7);
    }

    [TestCaseSource(nameof(Hostile))]
    public void A_bad_table_of_contents_is_refused(Action<JsonArray> change, string reason)
    {
        byte[] tar = Ordinary(LazyDialect.Estargz);
        LazyBlob blob = LazyBlob.Of(tar, LazyDialect.Estargz, change);
        using var bench = new LazyBench();

        InvalidDataException fault = Assert.ThrowsAsync<InvalidDataException>(() => bench.OpenAsync(blob, CancellationToken.None))!;

        Assert.That(fault.Message, Does.Contain(reason).And.Contain(blob.Described.Digest.ToString()));
    }

    [Test]
    public void A_table_that_the_manifest_does_not_vouch_for_is_refused([Values] LazyDialect dialect)
    {
        AssumeZstd(dialect);
        LazyBlob blob = LazyBlob.Of(Ordinary(dialect), dialect);
        ImmutableDictionary<string, string> others = LazyBlob.Of(new TarBuilder().File("other").Build(), dialect).Described.Annotations;
        KeyValuePair<string, string> digest = others.Single(a => a.Value.StartsWith("sha256:", StringComparison.Ordinal));
        Descriptor layer = blob.Described with { Annotations = blob.Described.Annotations.SetItem(digest.Key, digest.Value) };
        using var bench = new LazyBench();

        Assert.That(() => bench.OpenAsync(layer, new MemoryRanges(blob.Bytes), CancellationToken.None), Throws.TypeOf<InvalidDataException>().With.Message.Contains("vouches for"));
    }

    [Test]
    public void A_layer_is_lazy_by_its_annotations_only()
    {
        Descriptor gzip = LazyBlob.Of(new TarBuilder().Build(), LazyDialect.Estargz).Described;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(LazyFormat.Of(gzip, out _)?.Kind, Is.EqualTo(LazyKind.Estargz));
            Assert.That(LazyFormat.Of(gzip with { Annotations = ImmutableDictionary<string, string>.Empty }, out string bare), Is.Null);
            Assert.That(bare, Does.Contain("vouches for no table of contents"));
            Assert.That(LazyFormat.Of(gzip with { MediaType = MediaTypes.OciLayer }, out string plain), Is.Null);
            Assert.That(plain, Does.Contain("cannot be read piece by piece"));
            Assert.That(LazyFormat.Of(LazyBlob.Of(new TarBuilder().Build(), LazyDialect.Containers).Described, out _)?.Position, Is.Not.Null);
        }
    }

    private static IEnumerable<TestCaseData> Footers()
    {
        static TestCaseData Case(string name, LazyKind kind, byte[] tail, string outcome) => new TestCaseData(kind, tail, outcome).SetName("Footer_" + name);
        byte[] named = [(byte)'S', (byte)'G', 22, 0, .. "0000000000000fffSTARGZ"u8];
        yield return Case("estargz", LazyKind.Estargz, LazyBlob.GzipFooter(named), "4095 905");
        yield return Case("legacy", LazyKind.Estargz, LazyBlob.GzipFooter(named[4..]), "4095 909");
        yield return Case("external", LazyKind.Estargz, LazyBlob.GzipFooter([(byte)'S', (byte)'G', 17, 0, .. "STARGZEXTERNALTOC"u8]), "lies in another image");
        yield return Case("none", LazyKind.Estargz, new byte[64], "does not end as an eStargz blob");
        yield return Case("short", LazyKind.Estargz, [1], "does not end as an eStargz blob");
        yield return Case("outside", LazyKind.Estargz, LazyBlob.GzipFooter([.. named[..4], .. "ffffffffffffffffSTARGZ"u8]), "outside of the blob");
        yield return Case("no_digits", LazyKind.Estargz, LazyBlob.GzipFooter([.. named[..4], .. "00000000000x0fffSTARGZ"u8]), "outside of the blob");
        yield return Case("zero", LazyKind.Estargz, LazyBlob.GzipFooter([.. named[..4], .. "0000000000000000STARGZ"u8]), "outside of the blob");
        yield return Case("zstd_none", LazyKind.ZstdChunked, new byte[64], "does not end as a zstd:chunked blob");
        yield return Case("zstd_type_0", LazyKind.ZstdChunked, [.. new byte[56], .. "GNUlInUx"u8], "a type that is not known");
        yield return Case("zstd_huge", LazyKind.ZstdChunked, [.. Enumerable.Repeat((byte)255, 32), .. "GnUlInUx"u8], "outside of the blob");
        yield return Case("zstd_40", LazyKind.ZstdChunked, [5, .. new byte[7], 6, .. new byte[7], 7, .. new byte[7], 1, .. new byte[7], .. "GnUlInUx"u8], "5 6");
    }

    [TestCaseSource(nameof(Footers))]
    public void A_footer_is_read_or_refused(LazyKind kind, byte[] tail, string outcome) => Assert.That(
        Outcome(() => LazyFooter.Read(kind, tail, 5051) is var position ? [string.Create(CultureInfo.InvariantCulture, $"{position.Offset} {position.Length}")] : [], say: true),
        Does.Contain(outcome));

    private static byte[] Ordinary(LazyDialect dialect)
    {
        string text = string.Concat(Enumerable.Range(0, 400).Select(i => $"{i} "));
        TarBuilder tar = new TarBuilder()
            .File("big", dialect == LazyDialect.LegacyStargz ? text[..500] : text).Dir("usr/", 0x1ED, 5).File("usr/a", "a", 0x9ED).File("usr/empty").HardLink("usr/b", "usr/a").Symlink("bin", "usr")
            .Device("usr/null").Entry('6', "pipe", [], new TarBuilder.Header()).Whiteout("usr/gone").Opaque("opt").File("usr/c", "c")
            .Pax(("SCHILY.xattr.user.kept", "value"), ("mtime", "1700000000.123456789")).File("usr/x", "x").File("bin/through", "a link");
        return dialect == LazyDialect.LegacyStargz ? tar.Build() : tar.File("holes", new string('\0', 1500) + text).Build();
    }

    private static JsonObject Big(JsonArray toc) => toc[0]!.AsObject();

    private static void Repeat(JsonArray toc)
    {
        JsonObject big = Big(toc);
        toc.Clear();
        for (int i = 0; i < 20; i++)
        {
            JsonObject copy = big.DeepClone().AsObject();
            (copy["name"], copy["size"], copy["chunkSize"]) = ($"copy{i}", 120 << 20, 120 << 20);
            toc.Add(copy);
        }
    }

    private static Func<Node, byte[]> Content(byte[] tar) => node => tar.AsSpan((int)node.Data, (int)node.Size).ToArray();

    private static string Outcome(Func<string[]> listing, bool say = false)
    {
        try
        {
            return string.Join('\n', listing());
        }
        catch (InvalidDataException e)
        {
            return say ? e.Message : "refused";
        }
    }

    private static void AssumeZstd(LazyDialect dialect) => Assume.That(
        !LazyBlob.NeedsZstd(dialect) || System.Runtime.InteropServices.NativeLibrary.TryLoad("libzstd.so.1", out _),
        "the library libzstd.so.1 is missing");
}
