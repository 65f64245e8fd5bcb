using System.Buffers.Binary;

namespace GridWrapper.Tests.Probing;

/// <summary>A node's files as far as GPUs are concerned, below a directory.</summary>
internal sealed class GpuNode(string root)
{
    private readonly List<(string Name, string Path)> _listed = [];

    internal string Root => root;

    internal GpuNode Devices(params string[] names)
    {
        foreach (string name in names)
        {
            Write("dev/" + name, []);
        }

        return this;
    }

    internal GpuNode Card(string bus, int minor, string uuid)
    {
        string text = $"Model: \t\t NVIDIA A100\nGPU UUID: \t {uuid}\nBus Location: \t {bus}\nDevice Minor: \t {minor}\n";
        Write($"proc/driver/nvidia/gpus/{bus}/information", Encoding.UTF8.GetBytes(text));
        return this;
    }

    /// <summary>A library that the loader's list knows.</summary>
    internal GpuNode Library(string path, string soname, params string[] needs)
    {
        Write(path, FakeElf.Make(soname, needs));
        _listed.Add((soname, "/" + path));
        return this;
    }

    internal GpuNode File(string path, string text = "")
    {
        Write(path, Encoding.UTF8.GetBytes(text));
        return this;
    }

    /// <summary>/etc/ld.so.cache with what was added so far.</summary>
    internal GpuNode Cache(bool behindOldForm = false)
    {
        byte[] list = Cache([.. _listed.Select(l => (l.Name, l.Path, 0x303))]);
        byte[] old = [.. "ld.so-1.7.0\0"u8, 1, 0, 0, 0, .. new byte[12], .. new byte[4]];
        Write("etc/ld.so.cache", behindOldForm ? [.. old, .. list] : list);
        return this;
    }

    internal static byte[] Cache((string Name, string Path, int Flags)[] entries)
    {
        List<byte> strings = [];
        List<byte> table = [];
        int stringsAt = 48 + (entries.Length * 24);
        foreach ((string name, string path, int flags) in entries)
        {
            table.AddRange(Word(flags));
            table.AddRange(Word(stringsAt + strings.Count));
            strings.AddRange(Encoding.UTF8.GetBytes(name + "\0"));
            table.AddRange(Word(stringsAt + strings.Count));
            strings.AddRange(Encoding.UTF8.GetBytes(path + "\0"));
            table.AddRange(new byte[12]);
        }

        return [.. "glibc-ld.so.cache1.1"u8, .. Word(entries.Length), .. Word(strings.Count), .. new byte[20], .. table, .. strings];
    }

    private static byte[] Word(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    private void Write(string path, byte[] content)
    {
        string full = Path.Combine(root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        System.IO.File.WriteAllBytes(full, content);
    }
}
