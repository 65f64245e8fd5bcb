using GridWrapper.Serving;

namespace GridWrapper.SystemTests.Serving;

/// <summary>
/// A root filesystem that exists in memory only: /bin with the host's busybox, /tree with some two thousand entries of every kind, /write for tests of refusals, /flat with files
/// 0, 1, … of 4 KiB, and /faults with files that fail, wait and hold up.
/// </summary>
internal sealed class TestTree
{
    internal const long BigSize = 200L << 20;
    private const long Time = 1_700_000_000;

    private readonly NodeTable _table = new();

    internal TestTree()
    {
        int bin = Directory(NodeTable.Root, "bin"u8, 0x1ED);
        using FileStream busybox = File.OpenRead("/bin/busybox");
        int program = Add(bin, "busybox"u8, new Node { Mode = NodeKind.File | 0x1ED, Size = busybox.Length, Source = 1 });
        foreach (string applet in (string[])["sh", "ls", "cat", "sleep", "grep", "stat", "echo", "true", "head", "id", "find", "wc", "mount"])
        {
            _table.Set(bin, Encoding.UTF8.GetBytes(applet), program);
        }

        _ = Directory(NodeTable.Root, "etc"u8, 0x1ED);
        _ = Link(NodeTable.Root, "var"u8, "/other/var"u8);
        Many(Directory(NodeTable.Root, "tree"u8, 0x1ED));
        Writes(Directory(NodeTable.Root, "write"u8, 0x1ED));
        Faults(Directory(NodeTable.Root, "faults"u8, 0x1ED));
        int flat = Directory(NodeTable.Root, "flat"u8, 0x1ED);
        for (int i = 0; i < 2000; i++)
        {
            Pattern(flat, Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture)), 4096, i);
        }
    }

    internal NodeTable Table => _table;

    internal static ImmutableArray<FileSource> Sources => [new PatternSource(), new HostFile("/bin/busybox"), new FaultySource(), new WaitingSource(), new StubbornSource()];

    private void Many(int tree)
    {
        Pattern(tree, "big"u8, BigSize, 7);
        for (int d = 0; d < 40; d++)
        {
            int directory = Directory(tree, Encoding.UTF8.GetBytes($"dir{d:00}"), d % 3 == 0 ? 0x16Du : 0x1EDu);
            for (int f = 0; f < 45; f++)
            {
                Pattern(directory, Encoding.UTF8.GetBytes($"file-{f}"), ((d * 977) + (f * 1361)) % 20000, d + f, (f % 4) switch { 0 => 0x1A4u, 1 => 0x124u, 2 => 0x1EDu, _ => 0x9EDu });
            }
        }

        int deep = tree;
        for (int level = 0; level < 60; level++)
        {
            deep = Directory(deep, Encoding.UTF8.GetBytes($"level-{level}"), 0x1ED);
        }

        Pattern(deep, "bottom"u8, 3, 3);
        foreach (byte[] name in (byte[][])["a\nb"u8.ToArray(), [0xff, 0xfe], " "u8.ToArray(), "\\"u8.ToArray(), "-rf"u8.ToArray(), Encoding.UTF8.GetBytes("é-ü-漢"), [.. Enumerable.Repeat((byte)'n', 255)], ".wh.not"u8.ToArray()])
        {
            Pattern(tree, name, 11, 5);
        }

        int linked = Pattern(tree, "one-name"u8, 4097, 9);
        _table.Set(tree, "another-name"u8, linked);
        _table.Set(Directory(tree, "links"u8, 0x1ED), "third-name"u8, linked);
        _table.Attributes[linked] = [("user.one"u8.ToArray(), "value"u8.ToArray()), ("user.empty"u8.ToArray(), [])];
        _ = Link(tree, "dangling"u8, "no/where"u8);
        _ = Link(tree, "up"u8, "../tree/dir00/file-1"u8);
        _ = Link(tree, "absolute"u8, "/tree/dir01"u8);
        _ = Link(tree, "long"u8, [.. Enumerable.Repeat((byte)'x', 4000)]);
        _ = Add(tree, "pipe"u8, new Node { Mode = NodeKind.Fifo | 0x1A4, Seconds = Time });
        _ = Add(tree, "old"u8, new Node { Mode = NodeKind.File | 0x1A4, Seconds = -86400 });
        _ = Directory(tree, "empty"u8, 0x1ED);
        Pattern(tree, "removed"u8, 5, 5);
        _ = _table.Remove(tree, "removed"u8);
    }

    private void Writes(int at)
    {
        _table.Attributes[Pattern(at, "f"u8, 100, 1)] = [("user.one"u8.ToArray(), "value"u8.ToArray())];
        _ = Directory(at, "d"u8, 0x1ED);
        _ = Link(at, "l"u8, "f"u8);
        Pattern(Directory(at, "e"u8, 0x1ED), "in"u8, 1, 1);
    }

    /// <summary>Numbers of <see cref="FaultySource"/>: an errno, or 0 for an exception. Of <see cref="WaitingSource"/>: milliseconds, negative where it does not say so before.</summary>
    private void Faults(int at)
    {
        _ = Add(at, "eio"u8, new Node { Mode = NodeKind.File | 0x1A4, Size = 9000, Source = 2, Data = 5 });
        _ = Add(at, "throws"u8, new Node { Mode = NodeKind.File | 0x1A4, Size = 9000, Source = 2 });
        _ = Add(at, "nobody"u8, new Node { Mode = NodeKind.File | 0x1A4, Size = 9000, Source = 99 });
        _ = Add(at, "slow"u8, new Node { Mode = NodeKind.File | 0x1A4, Size = 9000, Source = 3, Data = 3000 });
        _ = Add(at, "never"u8, new Node { Mode = NodeKind.File | 0x1A4, Size = 9000, Source = 3, Data = 600_000 });
        _ = Add(at, "stubborn"u8, new Node { Mode = NodeKind.File | 0x1A4, Size = 4096, Source = 4 });
        _ = Add(at, "held"u8, new Node { Mode = NodeKind.File | 0x1A4, Size = 9000, Source = 3, Data = -2000 });
    }

    private int Directory(int parent, ReadOnlySpan<byte> name, uint permissions) => Add(parent, name, new Node { Mode = NodeKind.Directory | permissions, Seconds = Time });

    private int Link(int parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        int node = _table.AddLink(new Node { Mode = NodeKind.Link | 0x1FF, Seconds = Time + 1 }, target);
        _table.Set(parent, name, node);
        return node;
    }

    private int Pattern(int parent, ReadOnlySpan<byte> name, long size, long seed, uint permissions = 0x1A4) =>
        Add(parent, name, new Node { Mode = NodeKind.File | permissions, Size = size, Data = seed, Seconds = Time + seed, Nanoseconds = 123_456_789 });

    private int Add(int parent, ReadOnlySpan<byte> name, in Node node)
    {
        int made = _table.Add(node);
        _table.Set(parent, name, made);
        return made;
    }

    private sealed class HostFile(string path) : FileSource
    {
        private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file = File.OpenHandle(path);

        internal override int Read(long data, long offset, Span<byte> into) => RandomAccess.Read(_file, into, offset) == into.Length ? 0 : 5;

        protected override void Dispose(bool disposing)
        {
            _file.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class FaultySource : FileSource
    {
        internal override int Read(long data, long offset, Span<byte> into) => data > 0 ? (int)data : throw new InvalidOperationException("a source that breaks its promise");
    }

    private sealed class WaitingSource : FileSource
    {
        private readonly ManualResetEventSlim _never = new();

        internal override int Read(long data, long offset, Span<byte> into)
        {
            _ = _never.Wait((int)Math.Abs(data));
            return new PatternSource().Read(0, offset, into);
        }

        internal override bool WouldWait(long data, long offset, int length) => data > 0;

        protected override void Dispose(bool disposing)
        {
            _never.Dispose();
            base.Dispose(disposing);
        }
    }

    /// <summary>Fails once, and waits then: the kernel asks a second time for a page whose reading ahead failed, and that time a signal interrupts it.</summary>
    private sealed class StubbornSource : FileSource
    {
        private readonly ManualResetEventSlim _never = new();
        private int _reads;

        internal override int Read(long data, long offset, Span<byte> into)
        {
            if (Interlocked.Increment(ref _reads) > 1)
            {
                _ = _never.Wait(600_000);
            }

            return 5;
        }

        internal override bool WouldWait(long data, long offset, int length) => Volatile.Read(ref _reads) > 0;

        protected override void Dispose(bool disposing)
        {
            _never.Dispose();
            base.Dispose(disposing);
        }
    }
}
