namespace GridWrapper.Images;

/// <summary>Operating system, architecture and variant in the vocabulary of the OCI image index (GOOS/GOARCH).</summary>
internal sealed record Platform(string Os, string Architecture, string? Variant = null)
{
    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
