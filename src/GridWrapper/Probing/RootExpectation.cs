namespace GridWrapper.Probing;

/// <summary>One thing that the assembled root must show, or be able to do.</summary>
/// <param name="Path">Inside, without links.</param>
/// <param name="Text">As the launcher's operation "expect" takes it.</param>
internal sealed record RootExpectation(string Path, string Text)
{
    /// <summary>A layer has removed it.</summary>
    internal static RootExpectation Gone(string path) => new(path, "gone");

    internal static RootExpectation File(string path, long size) => new(path, string.Create(CultureInfo.InvariantCulture, $"size={size}"));

    /// <summary>A directory that can be listed to its end.</summary>
    internal static RootExpectation Directory(string path) => new(path, "directory");

    internal bool IsFile => Text.StartsWith("size=", StringComparison.Ordinal);

    internal static RootExpectation Writable(string path) => new(path, "write");

    /// <summary>A file of a layer can be changed.</summary>
    internal static RootExpectation CopyUp(string path) => new(path, "copy-up");
}
