namespace GridWrapper.Serving;

/// <summary>The type bits of st_mode.</summary>
internal static class NodeKind
{
    internal const uint Mask = 0xF000;
    internal const uint Fifo = 0x1000;
    internal const uint CharacterDevice = 0x2000;
    internal const uint Directory = 0x4000;
    internal const uint BlockDevice = 0x6000;
    internal const uint File = 0x8000;
    internal const uint Link = 0xA000;
    internal const uint Socket = 0xC000;

    internal static bool IsDirectory(uint mode) => (mode & Mask) == Directory;

    internal static bool IsFile(uint mode) => (mode & Mask) == File;

    internal static bool IsLink(uint mode) => (mode & Mask) == Link;
}
