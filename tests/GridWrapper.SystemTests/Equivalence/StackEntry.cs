namespace GridWrapper.SystemTests.Equivalence;

/// <summary>One entry of a layer archive.</summary>
/// <param name="Kind">'d' directory, 'f' file, 'l' symbolic link, 'h' hard link, 'p' named pipe.</param>
/// <param name="Path">One char per byte.</param>
/// <param name="Text">Content, or target of a link.</param>
internal sealed record StackEntry(char Kind, string Path, int Mode, long Time, string Text = "");
