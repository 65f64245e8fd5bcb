using System.Buffers.Binary;

namespace GridWrapper.Tests.Squashfs;

/// <summary>Writes SIF files, good ones and others.</summary>
internal sealed class SifBuilder
{
    internal const int HeaderBytes = 128;
    internal const int DescriptorBytes = 585;
    internal const int DescriptorsOffset = 4096;
    private const int Slots = 8;
    private readonly List<(byte[] Descriptor, byte[] Data)> _objects = [];

    internal string Magic { get; init; } = "SIF_MAGIC\0";

    internal string Version { get; init; } = "01\0";

    /// <param name="fileSystem">1 squashfs, 2 ext3, 5 encrypted.</param>
    /// <param name="partition">2 is the primary system partition, 4 an overlay.</param>
    internal SifBuilder Partition(byte[] data, int fileSystem = 1, int partition = 2, string architecture = "02\0")
    {
        byte[] extra = new byte[384];
        BinaryPrimitives.WriteInt32LittleEndian(extra, fileSystem);
        BinaryPrimitives.WriteInt32LittleEndian(extra.AsSpan(4), partition);
        Encoding.ASCII.GetBytes(architecture).CopyTo(extra, 8);
        return Object(0x4004, data, extra);
    }

    internal SifBuilder Object(int type, byte[] data, byte[]? extra = null)
    {
        byte[] descriptor = new byte[DescriptorBytes];
        BinaryPrimitives.WriteInt32LittleEndian(descriptor, type);
        descriptor[4] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(descriptor.AsSpan(5), _objects.Count + 1);
        Encoding.ASCII.GetBytes($"object{_objects.Count + 1}").CopyTo(descriptor, 73);
        extra?.CopyTo(descriptor, 201);
        _objects.Add((descriptor, data));
        return this;
    }

    internal byte[] Build()
    {
        int at = DescriptorsOffset + (Slots * DescriptorBytes);
        byte[] file = new byte[at + _objects.Sum(o => o.Data.Length)];
        Encoding.ASCII.GetBytes(Magic).CopyTo(file, 32);
        Encoding.ASCII.GetBytes(Version).CopyTo(file, 42);
        Encoding.ASCII.GetBytes("02\0").CopyTo(file, 45);
        Long(file, 88, Slots);
        Long(file, 96, DescriptorsOffset);
        Long(file, 104, Slots * DescriptorBytes);
        for (int i = 0; i < _objects.Count; i++)
        {
            Long(_objects[i].Descriptor, 17, at);
            Long(_objects[i].Descriptor, 25, _objects[i].Data.Length);
            _objects[i].Descriptor.CopyTo(file, DescriptorsOffset + (i * DescriptorBytes));
            _objects[i].Data.CopyTo(file, at);
            at += _objects[i].Data.Length;
        }

        return file;
    }

    internal static void Long(byte[] bytes, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), value);
}
