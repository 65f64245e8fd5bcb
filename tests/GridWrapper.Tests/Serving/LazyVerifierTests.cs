using GridWrapper.Serving;
using GridWrapper.Tests.Layers;

namespace GridWrapper.Tests.Serving;

/// <summary>`gridwrap cache verify` for what was fetched of lazily read layers.</summary>
[Parallelizable(ParallelScope.All)]
[CancelAfter(60_000)]
internal sealed class LazyVerifierTests
{
    [Test]
    public async Task A_copy_that_is_as_it_was_fetched_is_good([Values(LazyDialect.Estargz, LazyDialect.SharedMembers, LazyDialect.Containers, LazyDialect.Snapshotter)] LazyDialect dialect, CancellationToken ct)
    {
        using var bench = new LazyBench();
        string directory = await FetchedAsync(bench, dialect, ct);
        var verifier = new LazyVerifier(directory);

        Assert.That(verifier.Verify(ct), Is.Empty);
        Assert.That(verifier.BytesRead, Is.GreaterThan(9000));
    }

    [Test]
    public async Task A_changed_byte_and_a_cut_are_told(CancellationToken ct)
    {
        using var bench = new LazyBench();
        string directory = await FetchedAsync(bench, LazyDialect.Estargz, ct);
        byte[] data = await File.ReadAllBytesAsync(directory + "/data", ct);
        data[^1] ^= 1;
        await File.WriteAllBytesAsync(directory + "/data", data, ct);
        ImmutableArray<string> changed = new LazyVerifier(directory).Verify(ct);
        await File.WriteAllBytesAsync(directory + "/data", data[..1], ct);
        ImmutableArray<string> cut = new LazyVerifier(directory).Verify(ct);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(changed.Single(), Does.Match("^1 of the [0-9]+ pieces that are here are damaged; they are fetched again when they are read$"));
            Assert.That(cut.Single(), Does.Match(@"^([0-9]+) of the \1 pieces that are here are damaged; "));
        }
    }

    [Test]
    public async Task Another_table_of_contents_is_told(CancellationToken ct)
    {
        using var bench = new LazyBench();
        string directory = await FetchedAsync(bench, LazyDialect.Estargz, ct);
        string other = Path.Combine(Path.GetDirectoryName(directory)!, new string('0', 64));
        Directory.Move(directory, other);

        Assert.That(new LazyVerifier(other).Verify(ct), Has.Length.EqualTo(1).And.One.Contains("not the one that it is kept under"));
    }

    [Test]
    public async Task What_was_not_fetched_yet_is_no_fault(CancellationToken ct)
    {
        using var bench = new LazyBench();
        await bench.OpenAsync(LazyBlob.Of(Archive, LazyDialect.Estargz), ct);
        string directory = Directory.GetDirectories(bench.Cache.Store + "/lazy").Single();

        Assert.That(new LazyVerifier(directory).Verify(ct), Is.Empty);
        File.Delete(directory + "/toc");
        Assert.That(new LazyVerifier(directory).Verify(ct), Is.Empty);
    }

    private static byte[] Archive => new TarBuilder().File("a", new string('a', 3000)).File("b", new string('b', 3000)).File("c", new string('c', 3001)).Build();

    private static async Task<string> FetchedAsync(LazyBench bench, LazyDialect dialect, CancellationToken ct)
    {
        LazyLayer layer = await bench.OpenAsync(LazyBlob.Of(Archive, dialect), ct);
        foreach (string name in (string[])["a", "b", "c"])
        {
            Assert.That(LazyBench.Content(layer, layer.Tree.Table[layer.Tree.Table.Find(NodeTable.Root, Encoding.UTF8.GetBytes(name))]), Has.Length.GreaterThan(2999));
        }

        return Directory.GetDirectories(bench.Cache.Store + "/lazy").Single();
    }
}
