using GridWrapper.Linux;
using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

/// <summary>Gzip blobs that are read from the middle, by the node's zlib.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(120_000)]
internal sealed class GzipArchiveTests
{
    private const int Length = 5_400_000;

    [Test]
    public void Any_blob_reads_like_its_archive_from_any_place([Range(1, 6)] int seed)
    {
        var random = new Random(seed);
        byte[] content = GzipMembers.Content(random, Length + random.Next(300_000));
        byte[] blob = GzipMembers.Blob(random, content, seed % 3 == 0 ? 1 : 40);
        var layer = new CompressedLayer(blob, 1 + random.Next(300_000));
        Assert.That(layer.Inflated.AsSpan().SequenceEqual(content), Is.True, "while it came");
        Assert.That(File.ReadAllBytes(layer.BlobFile).AsSpan().SequenceEqual(blob), Is.True, "the blob as it was");
        using GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library, mostPieces: 5, mostRuns: 2));
        for (int i = 0; i < 40; i++)
        {
            int start = random.Next(content.Length);
            byte[] piece = new byte[Math.Min(content.Length - start, i % 2 == 0 ? random.Next(400_000) : random.Next(2000))];
            Assert.That((archive.Read(start, piece), piece.AsSpan().SequenceEqual(content.AsSpan(start, piece.Length))), Is.EqualTo((0, true)), $"{piece.Length} bytes from {start}");
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public void Checkpoints_stand_at_the_ends_of_blocks_of_every_kind(int kind)
    {
        byte[] content = GzipMembers.Content(new Random(kind), Length);
        var layer = new CompressedLayer(GzipMembers.Member(content, kind, 0));
        using GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library, 4));
        foreach (Checkpoint point in layer.Table.Checkpoints)
        {
            byte[] next = new byte[Math.Min(1000, Length - point.Unpacked)];
            Assert.That((archive.Read(point.Unpacked, next), next.AsSpan().SequenceEqual(content.AsSpan((int)point.Unpacked, next.Length))), Is.EqualTo((0, true)));
        }

        Assert.That(layer.Table.Checkpoints, Has.Length.EqualTo(3));
    }

    [Test]
    public void Members_are_entered_without_a_window()
    {
        byte[] content = GzipMembers.Content(new Random(3), Length);
        byte[] blob = [.. Enumerable.Range(0, 5).SelectMany(i => GzipMembers.Member(content.AsSpan(i * 1_000_000, 1_000_000), 2, 8))];
        CheckpointTable table = new CompressedLayer(blob).Table;
        Assert.That(table.Checkpoints.Select(point => (point.Unpacked, point.Bits, point.WindowBytes)), Is.EqualTo(Enumerable.Range(0, 5).Select(i => (i * 1_000_000L, Checkpoint.AtMember, 0))));
    }

    [Test]
    public void An_archive_of_nothing_and_what_stands_behind_the_last_member()
    {
        byte[] blob = [.. GzipMembers.Member([], 2, 30), .. GzipMembers.Member([], 2, 0), .. "behind"u8];
        var layer = new CompressedLayer(blob);
        using GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library));
        Assert.That((layer.Inflated, layer.Table.Sums.Length, archive.Read(0, new byte[1]), archive.Read(0, [])), Is.EqualTo((Array.Empty<byte>(), 0, Errno.EIO, 0)));
        Assert.That(File.ReadAllBytes(layer.BlobFile), Is.EqualTo(blob));
    }

    [Test]
    public void Blobs_that_are_no_gzip_are_refused_while_they_come()
    {
        byte[] good = GzipMembers.Member(GzipMembers.Content(new Random(1), 300_000), 2, 0);
        byte[] wrongSum = [.. good];
        wrongSum[^5] ^= 1;
        byte[] damaged = [.. good];
        damaged[20] ^= 0xFF;
        foreach (byte[] bad in (byte[][])[good[..^1], good[..^9], good[..5000], wrongSum, damaged])
        {
            Assert.That(() => new CompressedLayer(bad), Throws.InstanceOf<InvalidDataException>().With.Message.Contains("gzip"));
        }
    }

    [Test]
    public void A_damaged_blob_costs_the_reads_of_what_is_damaged_and_never_gives_wrong_bytes([Range(1, 5)] int seed)
    {
        var random = new Random(seed);
        byte[] content = GzipMembers.Content(random, Length);
        byte[] blob = GzipMembers.Blob(random, content, 3);
        var layer = new CompressedLayer(blob);
        byte[] damaged = [.. blob];
        damaged[blob.Length / 2] ^= (byte)(1 << random.Next(8));
        File.WriteAllBytes(layer.BlobFile, seed == 5 ? damaged[..(blob.Length / 2)] : damaged);
        using GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library, 6));
        int failed = 0;
        int right = 0;
        for (int start = 0; start < Length; start += 50_000)
        {
            byte[] piece = new byte[50_000];
            if (archive.Read(start, piece) == 0)
            {
                right++;
                Assert.That(piece.AsSpan().SequenceEqual(content.AsSpan(start, piece.Length)), Is.True, $"at {start}");
            }
            else
            {
                failed++;
            }
        }

        Assert.That(right, Is.GreaterThan(20));
        Assert.That(failed, seed == 5 ? Is.Positive : Is.LessThan(80));
    }

    [Test]
    public void Damaged_checkpoints_are_refused_or_cost_what_is_read_through_them()
    {
        byte[] content = GzipMembers.Content(new Random(5), Length);
        var layer = new CompressedLayer(GzipMembers.Member(content, 2, 0));
        byte[] good = File.ReadAllBytes(layer.CheckpointsFile);
        int windows = layer.Table.Checkpoints.Sum(point => point.WindowBytes);
        for (int at = windows; at < good.Length; at += 7)
        {
            byte[] bad = [.. good];
            bad[at] ^= 0x10;
            File.WriteAllBytes(layer.CheckpointsFile, bad);
            Assert.That(() => layer.Open(new InflatePool(CompressedLayer.Library)).Dispose(), Throws.InstanceOf<InvalidDataException>(), $"byte {at} of {good.Length}");
        }

        for (int length = 0; length < good.Length; length += 1 + (good.Length / 50))
        {
            File.WriteAllBytes(layer.CheckpointsFile, good[..length]);
            Assert.That(() => layer.Open(new InflatePool(CompressedLayer.Library)).Dispose(), Throws.InstanceOf<InvalidDataException>(), $"{length} of {good.Length}");
        }

        byte[] window = [.. good];
        window[100] ^= 1;
        File.WriteAllBytes(layer.CheckpointsFile, window);
        Checkpoint hit = layer.Table.Checkpoints.First(point => point.WindowBytes > 0);
        using GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library));
        byte[] piece = new byte[1000];
        Assert.That(archive.Read(hit.Unpacked + CheckpointTable.PieceBytes, piece), Is.EqualTo(Errno.EIO));
        Assert.That((archive.Read(100, piece), archive.Read(Length - 1000, piece)), Is.EqualTo((0, 0)));
    }

    [Test]
    public void Who_reads_on_does_not_begin_at_a_checkpoint_again()
    {
        byte[] content = GzipMembers.Content(new Random(6), Length);
        var layer = new CompressedLayer(GzipMembers.Member(content, 2, 0));
        var pool = new InflatePool(CompressedLayer.Library, mostPieces: 16);
        using GzipArchive archive = layer.Open(pool);
        byte[] piece = new byte[100_000];
        for (int start = 0; start + piece.Length <= Length; start += piece.Length)
        {
            Assert.That(archive.Read(start, piece), Is.Zero);
        }

        Assert.That(pool.Starts, Is.InRange(1, layer.Table.Checkpoints.Length));
    }

    [Test]
    public async Task Who_reads_on_finds_the_next_pieces_inflated(CancellationToken ct)
    {
        byte[] content = GzipMembers.Content(new Random(10), 3_000_000);
        var layer = new CompressedLayer(GzipMembers.Member(content, 2, 0));
        using GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library));
        byte[] piece = new byte[CheckpointTable.PieceBytes];
        Assert.That((archive.Read(0, piece), archive.Read(piece.Length, piece)), Is.EqualTo((0, 0)));
        while (archive.WouldWait(2 * piece.Length, piece.Length))
        {
            await Task.Delay(5, ct);
        }

        Assert.That((archive.Read(2 * piece.Length, piece), piece.AsSpan().SequenceEqual(content.AsSpan(2 * piece.Length, piece.Length))), Is.EqualTo((0, true)));
        Assert.That(archive.WouldWait(20 * piece.Length, 10), Is.True, "nobody comes near it");
    }

    [Test]
    public void Readers_at_once_get_what_one_gets(CancellationToken ct)
    {
        byte[] content = GzipMembers.Content(new Random(7), Length);
        var pool = new InflatePool(CompressedLayer.Library, mostPieces: 8, mostRuns: 3);
        CompressedLayer[] layers = [.. Enumerable.Range(0, 3).Select(i => new CompressedLayer(GzipMembers.Blob(new Random(i), content, 5)))];
        GzipArchive[] archives = [.. layers.Select(layer => layer.Open(pool))];
        int wrong = 0;
        Parallel.For(0, 12, new ParallelOptions { MaxDegreeOfParallelism = 12, CancellationToken = ct }, thread =>
        {
            var random = new Random(thread);
            int at = random.Next(Length);
            byte[] piece = new byte[60_000];
            for (int i = 0; i < 60; i++)
            {
                at = thread % 2 == 0 && at + (2 * piece.Length) < Length ? at + piece.Length : random.Next(Length - piece.Length);
                bool right = archives[thread % 3].Read(at, piece) == 0 && piece.AsSpan().SequenceEqual(content.AsSpan(at, piece.Length));
                Interlocked.Add(ref wrong, right ? 0 : 1);
            }
        });
        Array.ForEach(archives, archive => archive.Dispose());
        Assert.That(wrong, Is.Zero);
    }

    [Test]
    public void Only_what_has_to_be_inflated_would_wait()
    {
        byte[] content = GzipMembers.Content(new Random(8), 3_000_000);
        var layer = new CompressedLayer(GzipMembers.Member(content, 2, 0));
        using GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library));
        bool before = archive.WouldWait(1_000_000, 10);
        _ = archive.Read(1_000_000, new byte[10]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((before, archive.WouldWait(1_000_000, 10), archive.WouldWait(2_900_000, 10)), Is.EqualTo((true, false, true)));
            Assert.That((archive.WouldWait(3_000_000, 0), archive.WouldWait(-1, 5), archive.WouldWait(long.MaxValue, 5)), Is.EqualTo((false, false, false)));
            Assert.That((archive.Read(-1, new byte[1]), archive.Read(2_999_999, new byte[2]), archive.Read(long.MaxValue, new byte[2])), Is.EqualTo((Errno.EIO, Errno.EIO, Errno.EIO)));
        }
    }

    [Test]
    public void A_read_after_the_end_is_an_error_and_not_a_crash()
    {
        var layer = new CompressedLayer(GzipMembers.Member(GzipMembers.Content(new Random(9), 500_000), 2, 0));
        GzipArchive archive = layer.Open(new InflatePool(CompressedLayer.Library, 2));
        _ = archive.Read(0, new byte[10]);
        archive.Dispose();
        Assert.That(archive.Read(400_000, new byte[10]), Is.EqualTo(Errno.EIO));
    }

    [Test]
    public void A_library_that_is_missing_or_is_another_is_told_by_name()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(LibZ.Load(["/nonexistent/libz.so.1"]), Is.EqualTo(new NodeZlib(null, "this node has no libz.so.1")));
            Assert.That(LibZ.Load(["libc.so.6"]).Problem, Does.Contain("too old or is not zlib").And.Contain("inflateInit2_"));
        }
    }
}
