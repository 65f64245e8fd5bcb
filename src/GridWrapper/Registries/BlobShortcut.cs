namespace GridWrapper.Registries;

/// <summary>Where a registry sent its clients for a blob. Such addresses are signed and hold for minutes; until one is refused it saves the way through the registry.</summary>
internal sealed class BlobShortcut
{
    private Uri? _known;

    internal Uri? Known
    {
        get => Volatile.Read(ref _known);
        set => Volatile.Write(ref _known, value);
    }
}
