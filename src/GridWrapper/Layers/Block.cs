using System.Buffers;

namespace GridWrapper.Layers;

/// <summary>A piece of an unpacked layer on its way from one stage to the next. Whoever holds it last gives its memory back.</summary>
internal sealed class Block
{
    internal const int Capacity = 128 * 1024;

    private Block(byte[] bytes) => Bytes = bytes;

    internal byte[] Bytes { get; }

    internal int Length { get; set; }

    internal ReadOnlySpan<byte> Content => Bytes.AsSpan(0, Length);

    internal static Block Rent() => new(ArrayPool<byte>.Shared.Rent(Capacity));

    internal void Return() => ArrayPool<byte>.Shared.Return(Bytes);
}
