using GridWrapper.Layers;

namespace GridWrapper.Tests.Layers;

[Parallelizable(ParallelScope.All)]
internal sealed class TarEntryReaderTests
{
    private static readonly string Long = new string('d', 120) + "/" + new string('f', 120);

    [Test]
    public void Pax_path_link_size_and_time_beat_the_header()
    {
        byte[] tar = new TarBuilder().Pax(("path", Long), ("linkpath", "target"), ("mtime", "12.25")).Symlink("short", "other").Build();

        TarEntry entry = Entries(tar).Single();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Encoding.Latin1.GetString(entry.Name), Is.EqualTo(Long));
            Assert.That(Encoding.Latin1.GetString(entry.LinkName), Is.EqualTo("target"));
            Assert.That(entry.Modified.Seconds, Is.EqualTo(12));
            Assert.That(entry.Modified.Nanoseconds, Is.EqualTo(250_000_000));
        }
    }

    [Test]
    public void Gnu_long_names_are_read()
    {
        byte[] tar = new TarBuilder().GnuLong('L', Long).GnuLong('K', Long + "x").Symlink("short", "s").File("next").Build();

        List<TarEntry> entries = Entries(tar);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Encoding.Latin1.GetString(entries[0].Name), Is.EqualTo(Long));
            Assert.That(Encoding.Latin1.GetString(entries[0].LinkName), Is.EqualTo(Long + "x"));
            Assert.That(Encoding.Latin1.GetString(entries[1].Name), Is.EqualTo("next"));
        }
    }

    [Test]
    public void Ustar_prefix_is_joined()
    {
        byte[] tar = new TarBuilder().Entry('0', "name", [], new TarBuilder.Header(Patch: b => Encoding.ASCII.GetBytes("pre/fix").CopyTo(b, 345))).Build();

        Assert.That(Encoding.Latin1.GetString(Entries(tar).Single().Name), Is.EqualTo("pre/fix/name"));
    }

    [Test]
    public void Names_that_are_not_utf8_keep_their_bytes()
    {
        Assert.That(Entries(new TarBuilder().File("caf\u00E9\u00FF").Build()).Single().Name, Is.EqualTo(new byte[] { 0x63, 0x61, 0x66, 0xE9, 0xFF }));
    }

    [Test]
    public void Base256_numbers_are_read_and_negative_times_too()
    {
        static void Patch(byte[] block)
        {
            block.AsSpan(124, 12).Clear();
            block[124] = 0x80;
            block[135] = 3;
            block.AsSpan(136, 12).Fill(0xFF);
        }

        TarEntry entry = Entries(new TarBuilder().Entry('0', "f", "abc"u8.ToArray(), new TarBuilder.Header(Patch: Patch)).Build()).Single();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(entry.SizeBytes, Is.EqualTo(3));
            Assert.That(entry.Modified.Seconds, Is.EqualTo(-1));
        }
    }

    [Test]
    public void Global_headers_are_skipped()
    {
        Assert.That(Encoding.Latin1.GetString(Entries(new TarBuilder().PaxOf('g', ("path", "evil")).File("good").Build()).Single().Name), Is.EqualTo("good"));
    }

    [TestCase("1:6,4:1000,8", TestName = "Sparse_0_1")]
    [TestCase("0.0", TestName = "Sparse_0_0")]
    [TestCase("1.0", TestName = "Sparse_1_0")]
    [TestCase("S", TestName = "Sparse_old_gnu")]
    public void Sparse_files_expand(string format)
    {
        byte[] data = "AAAABBBBBBBB"u8.ToArray();
        var tar = new TarBuilder();
        switch (format)
        {
            case "0.0":
                tar.Pax(("GNU.sparse.size", "2000"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.offset", "6"), ("GNU.sparse.numbytes", "4"), ("GNU.sparse.offset", "1000"), ("GNU.sparse.numbytes", "8"));
                tar.File("s", "AAAABBBBBBBB");
                break;
            case "1.0":
                tar.Pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "s"), ("GNU.sparse.realsize", "2000"));
                tar.Entry('0', "GNUSparseFile.0/s", [.. Encoding.ASCII.GetBytes("2\n6\n4\n1000\n8\n".PadRight(512, '\0')), .. data], new TarBuilder.Header());
                break;
            case "S":
                tar.Entry('S', "s", data, new TarBuilder.Header(Magic: "ustar  ", Patch: OldMap));
                break;
            default:
                tar.Pax(("GNU.sparse.major", "0"), ("GNU.sparse.name", "s"), ("GNU.sparse.size", "2000"), ("GNU.sparse.map", "6,4,1000,8")).File("GNUSparseFile.0/s", "AAAABBBBBBBB");
                break;
        }

        (string path, _) = TreeListing.Extract(tar.File("after", "x").Build());

        byte[] content = File.ReadAllBytes(path + "/s");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(content, Has.Length.EqualTo(2000));
            Assert.That(Encoding.ASCII.GetString(content, 6, 4), Is.EqualTo("AAAA"));
            Assert.That(Encoding.ASCII.GetString(content, 1000, 8), Is.EqualTo("BBBBBBBB"));
            Assert.That(content.Count(b => b == 0), Is.EqualTo(2000 - 12));
            Assert.That(File.ReadAllText(path + "/after"), Is.EqualTo("x"));
        }
    }

    [Test]
    public void A_missing_end_is_tolerated_between_entries_only()
    {
        byte[] whole = new TarBuilder().File("a", "12345").File("b", "12345").BuildUnclosed();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Entries(whole), Has.Count.EqualTo(2));
            Assert.That(() => Entries(whole[..(512 + 512 + 100)]), Throws.TypeOf<InvalidDataException>().With.Message.Contains("middle of a header"));
            Assert.That(() => Entries(whole[..(512 + 3)]), Throws.TypeOf<InvalidDataException>().With.Message.Contains("middle of a file"));
        }
    }

    private static IEnumerable<TestCaseData> Damaged()
    {
        yield return new TestCaseData(new TarBuilder().File("a").Build().Select((b, i) => i == 3 ? (byte)'x' : b).ToArray(), "checksum").SetName("Damaged_checksum");
        yield return new TestCaseData(Enumerable.Repeat((byte)'<', 2048).ToArray(), "octal number").SetName("Damaged_not_a_tar");
        yield return new TestCaseData(new TarBuilder().Entry('x', "p", "garbage"u8.ToArray(), new TarBuilder.Header()).File("a").Build(), "PAX").SetName("Damaged_pax");
        yield return new TestCaseData(new TarBuilder().Entry('L', "p", [], new TarBuilder.Header(Size: 2_000_000)).Build(), "larger than").SetName("Damaged_huge_long_name");
        yield return new TestCaseData(new TarBuilder().Pax(("size", "-5")).File("a").Build(), "number belongs").SetName("Damaged_negative_pax_size");
        yield return new TestCaseData(new TarBuilder().Entry('?', "a", [], new TarBuilder.Header()).Build(), "unknown type").SetName("Damaged_unknown_type");
        yield return new TestCaseData(new TarBuilder().Pax(("GNU.sparse.size", "10"), ("GNU.sparse.map", "6,40")).File("s", "AAAA").Build(), "beyond the file's size").SetName("Damaged_sparse_map_beyond");
        yield return new TestCaseData(new TarBuilder().Pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,2")).File("s", "AAAA").Build(), "account for").SetName("Damaged_sparse_map_short");
    }

    [TestCaseSource(nameof(Damaged))]
    public void Damaged_archives_are_refused(byte[] tar, string reason) => Assert.That(() => Entries(tar), Throws.TypeOf<InvalidDataException>().With.Message.Contains(reason));

    private static void OldMap(byte[] block)
    {
        Encoding.ASCII.GetBytes("00000000006\0" + "00000000004\0" + "00000001750\0" + "00000000010\0").CopyTo(block, 386);
        Encoding.ASCII.GetBytes("00000003720\0").CopyTo(block, 483);
    }

    private static List<TarEntry> Entries(byte[] tar)
    {
        var reader = new TarEntryReader(new MemoryStream(tar));
        var entries = new List<TarEntry>();
        while (reader.Next() is { } entry)
        {
            entries.Add(entry);
        }

        return entries;
    }
}
