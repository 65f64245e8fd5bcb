using GridWrapper.SelfTest;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class LoaderListingTests
{
    [Test]
    public void Reads_what_glibc_and_musl_print()
    {
        ImmutableDictionary<string, string> paths = LoaderListing.Parse("""
            	linux-vdso.so.1 (0x00007f56729e5000)
            	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f567279d000)
            	libgone.so => not found
            	libc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f5d0c8a0000)
            	/lib64/ld-linux-x86-64.so.2 (0x00007f56729e7000)
            """);

        Assert.That(paths, Is.EquivalentTo(new Dictionary<string, string>
        {
            ["libc.so.6"] = "/lib/x86_64-linux-gnu/libc.so.6",
            ["libc.musl-x86_64.so.1"] = "/lib/ld-musl-x86_64.so.1",
        }));
    }

    [Test]
    [CancelAfter(20_000)]
    public async Task The_nodes_loader_lists_the_shells_libraries(CancellationToken ct)
    {
        Assert.That(ElfFile.TryParse(await File.ReadAllBytesAsync("/bin/sh", ct), out ElfFile? shell, out string error), Is.True, error);
        if (shell?.Interpreter is null)
        {
            Assert.Ignore("this node's shell is a static program");
        }

        ImmutableDictionary<string, string> paths = await LoaderListing.RunAsync(shell!.Interpreter!, "/bin/sh", ct);

        Assert.That(paths.Keys, Is.SupersetOf(shell.Needed));
    }

    [Test]
    public async Task A_loader_that_is_not_there_lists_nothing() =>
        Assert.That(await LoaderListing.RunAsync("/nonexistent/ld.so", "/bin/sh", CancellationToken.None), Is.Empty);
}
