namespace GridWrapper.Reporting;

/// <summary>The end of a text file that is being written.</summary>
internal static class StdoutTail
{
    /// <summary>At most <paramref name="characters"/> characters from the end; null when the file is not there.</summary>
    internal static string? Read(string path, int characters)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            // A character has at most four bytes in UTF-8; the first may be cut in half and is then not one of the last.
            long start = Math.Max(0, file.Length - (4L * characters) - 4);
            file.Position = start;
            using StreamReader reader = new(file, Encoding.UTF8);
            return WireFields.Last(reader.ReadToEnd(), characters);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
