using GridWrapper.Images;

namespace GridWrapper.SelfTest;

/// <summary>A document or layer of the miniature image, held in memory.</summary>
internal sealed record MiniatureBlob(string MediaType, ReadOnlyMemory<byte> Content, Digest Digest);
