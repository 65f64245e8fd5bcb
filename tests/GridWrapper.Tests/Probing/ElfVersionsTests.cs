using GridWrapper.Probing;

namespace GridWrapper.Tests.Probing;

/// <summary>Symbol versions in made and in real libraries, and in files that are none.</summary>
[TestFixture, Parallelizable(ParallelScope.All)]
internal sealed class ElfVersionsTests
{
    [Test]
    public void A_made_library()
    {
        using Scratch scratch = new();
        string file = Path.Combine(scratch.Path, "x");
        File.WriteAllBytes(file, FakeElf.Make("libx.so.1", ["GLIBC_2.2.5", "GLIBC_2.9"], ["GLIBC_2.4", "GLIBC_2.31", "GLIBC_PRIVATE"]));
        ElfVersions found = ElfVersions.Read(file)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Soname, Is.EqualTo("libx.so.1"));
            Assert.That(found.Needed, Is.EqualTo((string[])["GLIBC_2.2.5", "GLIBC_2.9"]));
            Assert.That(found.Defined, Is.EqualTo((string[])["GLIBC_2.4", "GLIBC_2.31", "GLIBC_PRIVATE"]));
            Assert.That(GlibcVersion.Highest(found.Needed), Is.EqualTo("2.9"));
            Assert.That(GlibcVersion.Highest(found.Defined), Is.EqualTo("2.31"));
        }
    }

    [Test]
    public void Every_cut_and_every_changed_byte_is_survived()
    {
        using Scratch scratch = new();
        byte[] good = FakeElf.Make("libx.so.1", ["GLIBC_2.2.5", "GLIBC_2.9"], ["GLIBC_2.4"]);
        string file = Path.Combine(scratch.Path, "x");
        Random random = new(7);
        for (int i = 0; i < good.Length; i++)
        {
            File.WriteAllBytes(file, good[..i]);
            Assert.That(() => ElfVersions.Read(file), Throws.Nothing, $"cut at {i}");
            byte[] bad = [.. good];
            bad[i] = (byte)random.Next(256);
            File.WriteAllBytes(file, bad);
            Assert.That(() => ElfVersions.Read(file), Throws.Nothing, $"byte {i} is {bad[i]}");
        }
    }

    [TestCase("2.34", "2.17", ExpectedResult = true)]
    [TestCase("2.17", "2.34", ExpectedResult = false)]
    [TestCase("2.9", "2.17", ExpectedResult = false)]
    [TestCase("2.17", "2.17", ExpectedResult = true)]
    [TestCase("2.17", "2.2.5", ExpectedResult = true)]
    [TestCase("", "2.34", ExpectedResult = true)]
    [TestCase("2.17", "", ExpectedResult = true)]
    public bool Enough(string provided, string needed) => GlibcVersion.IsEnough(provided, needed);

    [Test]
    public void The_loaders_list()
    {
        byte[] cache = GpuNode.Cache([("libcuda.so.1", "/usr/lib64/libcuda.so.1", 0x303), ("libcuda.so.1", "/usr/lib/libcuda.so.1", 0x003), ("libx.so", "/x32", 0x803), ("liba.so", "/a64", 0xa03)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(LoaderCache.Parse(cache), Is.EqualTo(((string, string)[])[("libcuda.so.1", "/usr/lib64/libcuda.so.1"), ("liba.so", "/a64")]));
            Assert.That(LoaderCache.Parse("nonsense"u8).IsEmpty);
            Assert.That(() => Enumerable.Range(0, cache.Length).Select(n => LoaderCache.Parse(cache.AsSpan(0, n)).Length).Sum(), Throws.Nothing);
        }
    }

    /// <summary>The node that the tests run on has a C library and a list of its own.</summary>
    [Test]
    public void The_real_ones_of_this_node()
    {
        ImmutableArray<(string Name, string Path)> list = LoaderCache.Parse(File.ReadAllBytes("/etc/ld.so.cache"));
        string library = list.First(l => l.Name == "libc.so.6").Path;
        Assert.That(GlibcVersion.Highest(ElfVersions.Read(library)!.Defined), Does.Match(@"^2\.\d\d$"));
    }
}
