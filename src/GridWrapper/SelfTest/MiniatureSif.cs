using System.Buffers.Binary;
using System.Runtime.InteropServices;
using GridWrapper.Squashfs;

namespace GridWrapper.SelfTest;

/// <summary>A miniature image as a SIF file: one primary system partition, which is a squashfs.</summary>
internal static class MiniatureSif
{
    private const int DescriptorOffset = 128;
    private const int DescriptorBytes = 585;
    private const int DataOffset = 4096;

    internal static void Write(MiniatureImage image, string file)
    {
        byte[] squashfs = MiniatureSquashfs.Build(MiniatureTree.Flatten(image.Layers));
        byte[] sif = new byte[DataOffset + squashfs.Length];
        string architecture = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "04" : "02";
        Text(sif, 32, "SIF_MAGIC");
        Text(sif, 42, "01");
        Text(sif, 45, architecture);
        Long(sif, 88, 1);
        Long(sif, 96, DescriptorOffset);
        Long(sif, 104, DescriptorBytes);
        Long(sif, 112, DataOffset);
        Long(sif, 120, squashfs.Length);
        Describe(sif.AsSpan(DescriptorOffset, DescriptorBytes), squashfs.Length, architecture);
        squashfs.CopyTo(sif, DataOffset);
        MiniatureTree.WriteFile(file, sif);
    }

    private static void Describe(Span<byte> descriptor, long size, string architecture)
    {
        const int extra = 201;
        BinaryPrimitives.WriteInt32LittleEndian(descriptor, (int)SifObjectType.Partition);
        descriptor[4] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(descriptor[5..], 1);
        BinaryPrimitives.WriteInt32LittleEndian(descriptor[9..], 1);
        Long(descriptor, 17, DataOffset);
        Long(descriptor, 25, size);
        Long(descriptor, 33, size);
        Text(descriptor, 73, "miniature");
        BinaryPrimitives.WriteInt32LittleEndian(descriptor[extra..], (int)SifFileSystem.Squashfs);
        BinaryPrimitives.WriteInt32LittleEndian(descriptor[(extra + 4)..], (int)SifPartitionType.PrimarySystem);
        Text(descriptor, extra + 8, architecture);
    }

    private static void Text(Span<byte> to, int at, string text) => Encoding.ASCII.GetBytes(text).CopyTo(to[at..]);

    private static void Long(Span<byte> to, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(to[at..], value);
}
