namespace GridWrapper.Linux;

/// <summary>What a directory entry is.</summary>
internal enum FileKind
{
    Regular,
    Directory,
    Link,

    /// <summary>FIFO, socket or device: never opened.</summary>
    Other,
}
