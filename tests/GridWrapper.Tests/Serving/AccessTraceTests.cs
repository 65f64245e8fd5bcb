using GridWrapper.Images;
using GridWrapper.Layers;
using GridWrapper.Serving;

namespace GridWrapper.Tests.Serving;

[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed class AccessTraceTests
{
    private static readonly Digest Config = Digest.Of("config"u8);

    [Test]
    public void Paths_are_those_of_the_tree_in_the_order_of_reading()
    {
        NodeTable table = Sample(out int inner, out int outer);
        Assert.That(AccessTrace.Paths(table, [outer, inner]), Is.EqualTo(new[] { "b", "d/e/\u00ff" }));
    }

    [Test]
    public void A_file_that_was_removed_or_has_a_line_end_in_its_name_is_left_out()
    {
        NodeTable table = Sample(out int inner, out int outer);
        int odd = table.Add(new Node { Mode = NodeKind.File | 0x1A4 });
        table.Set(NodeTable.Root, "x\ny"u8, odd);
        table.Remove(NodeTable.Root, "d"u8);
        Assert.That(AccessTrace.Paths(table, [odd, inner, outer]), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public void What_is_kept_is_read_again_and_the_newest_counts()
    {
        var cache = new CacheDirectory(Path.Combine(TestContext.CurrentContext.TestDirectory, $"trace-{Guid.NewGuid():N}"));
        cache.Prepare();
        Assert.That(AccessTrace.Read(cache, Config), Is.Empty);
        AccessTrace.Keep(cache, Config, ["a", "b"]);
        AccessTrace.Keep(cache, Config, ["c/\u00ff"]);
        AccessTrace.Keep(cache, Config, []);
        Assert.That(AccessTrace.Read(cache, Config), Is.EqualTo(new[] { "c/\u00ff" }));
    }

    [Test]
    public void A_cache_that_cannot_be_written_to_is_no_failure()
    {
        var cache = new CacheDirectory("/proc/nowhere");
        Assert.That(() => AccessTrace.Keep(cache, Config, ["a"]), Throws.Nothing);
        Assert.That(AccessTrace.Read(cache, Config), Is.Empty);
    }

    private static NodeTable Sample(out int inner, out int outer)
    {
        NodeTable table = new();
        int d = table.Add(new Node { Mode = NodeKind.Directory | 0x1ED });
        int e = table.Add(new Node { Mode = NodeKind.Directory | 0x1ED });
        inner = table.Add(new Node { Mode = NodeKind.File | 0x1A4 });
        outer = table.Add(new Node { Mode = NodeKind.File | 0x1A4 });
        table.Set(NodeTable.Root, "d"u8, d);
        table.Set(d, "e"u8, e);
        table.Set(e, [0xff], inner);
        table.Set(NodeTable.Root, "b"u8, outer);
        return table;
    }
}
