using GridWrapper.SelfTest;

namespace GridWrapper.Tests.SelfTest;

[TestFixture]
[Parallelizable(ParallelScope.All)]
public class ElfFileTests
{
    [Test]
    public void Reads_interpreter_libraries_and_search_path()
    {
        byte[] content = SmallElf.Create(ElfFile.X86_64, "/lib64/ld.so", ["liba.so.1", "libb.so.2"], runPath: "/opt/a:$ORIGIN/../lib", rPath: "/ignored");

        Assert.That(ElfFile.TryParse(content, out ElfFile? file, out string error), Is.True, error);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(file!.Machine, Is.EqualTo(ElfFile.X86_64));
            Assert.That(file.Interpreter, Is.EqualTo("/lib64/ld.so"));
            Assert.That(file.Needed, Is.EqualTo(["liba.so.1", "libb.so.2"]));
            Assert.That(file.SearchPath, Is.EqualTo(["/opt/a", "$ORIGIN/../lib"]));
        }
    }

    [Test]
    public void The_old_search_path_counts_where_there_is_no_new_one()
    {
        Assert.That(ElfFile.TryParse(SmallElf.Create(ElfFile.X86_64, rPath: "/opt/a"), out ElfFile? file, out string error), Is.True, error);
        Assert.That(file!.SearchPath, Is.EqualTo(["/opt/a"]));
    }

    [Test]
    public void The_nodes_own_shell_needs_the_c_library()
    {
        Assert.That(ElfFile.TryParse(File.ReadAllBytes("/bin/sh"), out ElfFile? file, out string error), Is.True, error);
        Assert.That(file!.Needed, Has.Some.StartsWith("libc."));
    }

    [TestCase("#!/bin/sh\necho a script is not a program", "not an ELF file")]
    [TestCase("", "not an ELF file")]
    public void What_is_no_elf_file_is_named(string content, string expected)
    {
        Assert.That(ElfFile.TryParse(Encoding.UTF8.GetBytes(content), out _, out string error), Is.False);
        Assert.That(error, Is.EqualTo(expected));
    }

    [Test]
    public void A_32_bit_file_is_refused()
    {
        byte[] content = SmallElf.Create(ElfFile.X86_64);
        content[4] = 1;

        Assert.That(ElfFile.TryParse(content, out _, out string error), Is.False);
        Assert.That(error, Is.EqualTo("not a 64-bit little-endian ELF file"));
    }

    [Test]
    public void A_file_cut_anywhere_is_refused_not_misread()
    {
        byte[] content = SmallElf.Create(ElfFile.X86_64, "/lib64/ld.so", ["liba.so.1"]);

        for (int length = 64; length < content.Length - 32; length++)
        {
            Assert.That(ElfFile.TryParse(content.AsSpan(0, length), out _, out string error), Is.False, $"cut to {length} bytes");
            Assert.That(error, Is.Not.Empty);
        }
    }

    [Test]
    public void Changed_bytes_never_throw()
    {
        byte[] sound = SmallElf.Create(ElfFile.X86_64, "/lib64/ld.so", ["liba.so.1"], runPath: "/opt");
        Random random = new(4711);

        for (int i = 0; i < 20_000; i++)
        {
            byte[] changed = [.. sound];
            for (int j = 0; j < 3; j++)
            {
                changed[random.Next(4, changed.Length)] = (byte)random.Next(256);
            }

            Assert.That(() => ElfFile.TryParse(changed, out _, out _), Throws.Nothing);
        }
    }
}
