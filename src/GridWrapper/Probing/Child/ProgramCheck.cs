using System.Buffers.Binary;
using GridWrapper.Linux;

namespace GridWrapper.Probing;

/// <summary>
/// What a program of an image needs to start: the machine and processor level it was built for, its dynamic loader, the interpreter of a script. Only headers are read.
/// </summary>
internal static class ProgramCheck
{
    internal const string ProgramKey = "program";
    internal const string MachineKey = "machine";
    internal const string LevelKey = "level";
    internal const string LoaderKey = "loader";
    internal const string LoaderErrnoKey = "loader.errno";
    internal const string ScriptKey = "script";
    internal const string InterpreterKey = "interpreter";
    internal const string InterpreterErrnoKey = "interpreter.errno";

    internal const string UnreadableKey = "unreadable";
    internal const string UnreadableErrnoKey = "unreadable.errno";

    private const ushort ExecutableByOthers = 0x9;
    private const int HeadBytes = 16 * 1024;
    private const int MaxScripts = 4;
    private const uint InterpreterSegment = 3;
    private const uint NoteSegment = 4;
    private const uint PropertyNote = 5;
    private const uint NeededLevels = 0xc0008002;

    internal static void Run(ProgramQuestion question, ProbeOutput output)
    {
        output.Step("open");
        using MergedTree tree = question.Tree is { } whole ? new(whole) : new(question.Layers, question.Packed);
        output.SayErrno("open.errno", tree.Error);
        if (tree.Error == 0)
        {
            output.Step("program");
            Look(tree, question, output);
            RootCheck.Run(tree, question, output);
        }
    }

    private static void Look(MergedTree tree, ProgramQuestion question, ProbeOutput output)
    {
        int error = Errno.ENOENT;
        foreach (string path in question.Candidates)
        {
            error = tree.Find(path, out MergedTree.Place place);
            if (error == 0 && place.Status.IsRegular)
            {
                output.Say(ProgramKey, path);
                Describe(tree, place, path, 0, output);
                return;
            }
        }

        output.SayErrno("program.errno", error);
    }

    private static void Describe(MergedTree tree, MergedTree.Place place, string path, int scripts, ProbeOutput output)
    {
        int unread = tree.Read(place, HeadBytes, out byte[] head);
        if (unread != 0)
        {
            // What may be executed need not be readable.
            output.Say(UnreadableKey, path);
            output.SayErrno(UnreadableErrnoKey, (place.Status.Mode & ExecutableByOthers) == 0 ? unread : 0);
            return;
        }

        if (head is [(byte)'#', (byte)'!', ..] && scripts < MaxScripts)
        {
            string line = Encoding.UTF8.GetString(head, 2, (Array.IndexOf(head, (byte)'\n') is >= 0 and int end ? end : head.Length) - 2);
            string interpreter = line.Trim().Split(' ', '\t')[0];
            int error = tree.Find(interpreter, out MergedTree.Place next);
            output.Say(ScriptKey, path);
            output.Say(InterpreterKey, interpreter);
            output.SayErrno(InterpreterErrnoKey, error);
            if (error == 0 && next.Status.IsRegular)
            {
                Describe(tree, next, interpreter, scripts + 1, output);
            }
        }
        else if (head is [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, ..] && head.Length > 64)
        {
            DescribeElf(tree, head, output);
        }
    }

    private static void DescribeElf(MergedTree tree, byte[] head, ProbeOutput output)
    {
        output.Say(MachineKey, BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(18)));
        output.Say(LevelKey, Levels(head));
        foreach ((uint type, int offset, int length) in Segments(head))
        {
            if (type == InterpreterSegment && length > 1)
            {
                string loader = Encoding.UTF8.GetString(head, offset, length - 1);
                output.Say(LoaderKey, loader);
                output.SayErrno(LoaderErrnoKey, tree.Find(loader, out _));
            }
        }
    }

    /// <summary>Bits of x86-64-v1 to v4 that the program states to need (GNU_PROPERTY_X86_ISA_1_NEEDED); 0 where it states nothing.</summary>
    private static uint Levels(byte[] head)
    {
        uint levels = 0;
        foreach ((uint type, int offset, int length) in Segments(head).Where(s => s.Type == NoteSegment))
        {
            ReadOnlySpan<byte> notes = head.AsSpan(offset, length);
            while (notes.Length >= 16)
            {
                int name = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(notes), 256);
                int size = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]), HeadBytes);
                int begin = 12 + ((name + 3) & ~3);
                if (begin + size > notes.Length)
                {
                    break;
                }

                levels |= BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]) == PropertyNote && notes.Slice(12, Math.Min(4, name)).SequenceEqual("GNU\0"u8) ? Needed(notes.Slice(begin, size)) : 0;
                notes = notes[Math.Min(notes.Length, begin + ((size + 7) & ~7))..];
            }
        }

        return levels;
    }

    private static uint Needed(ReadOnlySpan<byte> properties)
    {
        while (properties.Length >= 12)
        {
            int size = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(properties[4..]), HeadBytes);
            if (BinaryPrimitives.ReadUInt32LittleEndian(properties) == NeededLevels && size == 4)
            {
                return BinaryPrimitives.ReadUInt32LittleEndian(properties[8..]);
            }

            properties = properties[Math.Min(properties.Length, 8 + ((size + 7) & ~7))..];
        }

        return 0;
    }

    /// <summary>Program headers whose content lies in the part that was read.</summary>
    private static IEnumerable<(uint Type, int Offset, int Length)> Segments(byte[] head)
    {
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(32));
        int size = BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(54));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(56));
        for (int i = 0; i < count && size >= 56 && table < HeadBytes && (int)table + ((i + 1) * size) <= head.Length; i++)
        {
            int at = (int)table + (i * size);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(at));
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(at + 8));
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(at + 32));
            if (offset < HeadBytes && length < HeadBytes && (int)(offset + length) <= head.Length)
            {
                yield return (type, (int)offset, (int)length);
            }
        }
    }
}
