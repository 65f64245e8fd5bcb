using GridWrapper.Squashfs;

namespace GridWrapper.Tests.Squashfs;

[Parallelizable(ParallelScope.All)]
internal sealed class SifHeaderTests
{
    private static readonly byte[] Data = new byte[1000];

    private static SifBuilder Good => new SifBuilder().Object(0x4001, "bootstrap: docker"u8.ToArray()).Partition(Data);

    [Test]
    public void The_root_is_the_primary_system_partition()
    {
        SifHeader header = Read(new SifBuilder().Object(0x4003, "{}"u8.ToArray()).Partition(Data, partition: 3).Partition(Data).Partition([1, 2], fileSystem: 2, partition: 4).Build());
        SifObject root = header.PrimaryPartition()!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(header.Objects, Has.Length.EqualTo(4));
            Assert.That((root.Id, root.FileSystem, root.SizeBytes, root.Architecture), Is.EqualTo((3u, SifFileSystem.Squashfs, 1000L, "amd64")));
            Assert.That(root.Offset, Is.EqualTo(SifBuilder.DescriptorsOffset + (8 * SifBuilder.DescriptorBytes) + 2 + 1000));
            Assert.That(header.Objects[3].PartitionType, Is.EqualTo(SifPartitionType.Overlay));
        }
    }

    [TestCase("04\0", "arm64")]
    [TestCase("00\0", "")]
    [TestCase("99\0", "unknown code 99")]
    public void A_partition_says_for_which_processor_it_is(string code, string name) =>
        Assert.That(Read(new SifBuilder().Partition(Data, architecture: code).Build()).PrimaryPartition()!.Architecture, Is.EqualTo(name));

    private static IEnumerable<TestCaseData> Damaged()
    {
        static TestCaseData Case(string name, string words, Func<byte[]> file) => new TestCaseData(words, file).SetName("Damaged_" + name);
        static byte[] With(int at, long value)
        {
            byte[] file = Good.Build();
            SifBuilder.Long(file, at, value);
            return file;
        }

        const int first = SifBuilder.DescriptorsOffset;
        const int second = first + SifBuilder.DescriptorBytes;
        yield return Case("empty", "too few", () => []);
        yield return Case("header_cut_off", "too few", () => Good.Build()[..100]);
        yield return Case("descriptors_cut_off", "cut off", () => Good.Build()[..5000]);
        yield return Case("data_cut_off", "cut off", () => Good.Build()[..^1]);
        yield return Case("no_magic", "SIF_MAGIC is missing", () => new SifBuilder { Magic = "SIF_MAGIX\0" }.Partition(Data).Build());
        yield return Case("other_version", "version is '02'", () => new SifBuilder { Version = "02\0" }.Partition(Data).Build());
        yield return Case("negative_number_of_descriptors", "-1 descriptors", () => With(88, -1));
        yield return Case("endless_descriptors", "descriptors", () => With(88, long.MaxValue));
        yield return Case("descriptors_before_the_file", "fit", () => With(96, -5));
        yield return Case("descriptors_in_the_header", "fit", () => With(96, 64));
        yield return Case("descriptors_beyond_the_file", "fit", () => With(96, long.MaxValue));
        yield return Case("too_little_room_for_descriptors", "fit", () => With(104, 10));
        yield return Case("object_before_the_file", "object 2", () => With(second + 17, -1));
        yield return Case("object_beyond_the_file", "object 2", () => With(second + 17, long.MaxValue));
        yield return Case("object_of_negative_size", "object 2", () => With(second + 25, -1));
        yield return Case("object_longer_than_the_file", "object 2", () => With(second + 25, long.MaxValue));
        yield return Case("object_over_the_descriptors", "overlaps the descriptors", () => With(first + 17, 200));
        yield return Case("objects_that_overlap", "overlap", () => With(second + 17, SifBuilder.DescriptorsOffset + (8 * SifBuilder.DescriptorBytes)));
    }

    [TestCaseSource(nameof(Damaged))]
    public void What_does_not_fit_the_file_is_told(string words, Func<byte[]> file) =>
        Assert.That(() => Read(file()), Throws.TypeOf<InvalidDataException>().With.Message.Contains(words));

    [Test]
    public void Of_two_primary_partitions_none_is_the_root() =>
        Assert.That(() => Read(new SifBuilder().Partition(Data).Partition(Data).Build()).PrimaryPartition(), Throws.TypeOf<InvalidDataException>().With.Message.Contains("2 primary system partitions"));

    [Test]
    public void Without_a_primary_partition_there_is_no_root() => Assert.That(Read(new SifBuilder().Partition(Data, partition: 1).Build()).PrimaryPartition(), Is.Null);

    [Test]
    [CancelAfter(60_000)]
    public void Damage_anywhere_ends_in_words_or_in_objects_within_the_file()
    {
        byte[] good = Good.Build();
        Random random = new(4711);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] file = [.. good];
            for (int i = random.Next(1, 6); i > 0; i--)
            {
                int at = random.Next(2) == 0 ? random.Next(SifBuilder.HeaderBytes) : SifBuilder.DescriptorsOffset + random.Next(2 * SifBuilder.DescriptorBytes);
                file[at] = (byte)random.Next(256);
            }

            try
            {
                SifHeader header = Read(file);
                Assert.That(header.Objects.All(o => o.Offset >= 0 && o.SizeBytes >= 0 && o.Offset + o.SizeBytes <= file.Length), Is.True);
                _ = header.PrimaryPartition();
            }
            catch (InvalidDataException)
            {
                continue;
            }
        }
    }

    private static SifHeader Read(byte[] file) => SifHeader.Read(new ImageBytes.OfMemory(file));
}
