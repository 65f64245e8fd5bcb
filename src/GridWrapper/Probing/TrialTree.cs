using System.Runtime.InteropServices;

namespace GridWrapper.Probing;

/// <summary>
/// The smallest root filesystem a runtime can be tried with: the directories that runtimes mount on, and one static program of 165 bytes that writes a word.
/// That word among the output proves that a container was made and a program ran in it; no exit code can lie about it.
/// </summary>
internal static class TrialTree
{
    internal const string Program = "/bin/trial";

    internal const string Word = "gridwrap-ok";

    private static readonly string[] Directories = ["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "var/tmp"];

    private static readonly string[] EmptyFiles = ["etc/passwd", "etc/group", "etc/hosts", "etc/resolv.conf", "etc/localtime"];

    /// <summary>The program is machine code for x86-64.</summary>
    internal static bool Possible => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Makes the tree in a directory that does not exist yet.</summary>
    internal static void Make(string directory)
    {
        foreach (string name in Directories)
        {
            Directory.CreateDirectory(Path.Combine(directory, name));
        }

        foreach (string name in EmptyFiles)
        {
            File.WriteAllBytes(Path.Combine(directory, name), []);
        }

        string program = directory + Program;
        File.WriteAllBytes(program, ProgramImage());
        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
            File.SetUnixFileMode(program, Owner | Others);
        }
    }

    /// <summary>An ELF header, one program header, and write(1, word) followed by exit(0).</summary>
    private static byte[] ProgramImage()
    {
        const ulong Base = 0x400000;
        byte[] code =
        [
            0xb8, 1, 0, 0, 0, // mov eax, SYS_write
            0xbf, 1, 0, 0, 0, // mov edi, 1
            0x48, 0x8d, 0x35, 0x10, 0, 0, 0, // lea rsi, [rip + 16]: the word behind the code
            0xba, 12, 0, 0, 0, // mov edx, 12
            0x0f, 0x05, // syscall
            0xb8, 60, 0, 0, 0, // mov eax, SYS_exit
            0x31, 0xff, // xor edi, edi
            0x0f, 0x05, // syscall
            .. Encoding.ASCII.GetBytes(Word + "\n"),
        ];
        const int Headers = 64 + 56;
        using MemoryStream image = new();
        using BinaryWriter writer = new(image);
        writer.Write([0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        writer.Write((ushort)2); // ET_EXEC
        writer.Write((ushort)0x3e); // EM_X86_64
        writer.Write(1);
        writer.Write(Base + Headers); // entry
        writer.Write(64UL); // program headers
        writer.Write(0UL);
        writer.Write(0);
        writer.Write((ushort)64);
        writer.Write((ushort)56);
        writer.Write((ushort)1);
        writer.Write(new byte[6]);
        writer.Write(1); // PT_LOAD
        writer.Write(5); // r-x
        writer.Write(0UL);
        writer.Write(Base);
        writer.Write(Base);
        writer.Write((ulong)(Headers + code.Length));
        writer.Write((ulong)(Headers + code.Length));
        writer.Write(0x1000UL);
        writer.Write(code);
        writer.Flush();
        return image.ToArray();
    }
}
