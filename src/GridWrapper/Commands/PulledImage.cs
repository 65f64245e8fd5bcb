using GridWrapper.Diagnostics;

namespace GridWrapper.Commands;

/// <summary>
/// What `apptainer pull FILE docker://…` leaves here: a line of text that names the image by its digest. The layers are in the node's cache; on another node they are
/// fetched from where the line says. No SIF is made: nothing here would read it faster than the layers.
/// </summary>
internal static class PulledImage
{
    private const string Head = "gridwrap image: ";
    private const int Longest = 5000;

    internal static void Write(string file, string reference) => File.WriteAllText(file, $"{Head}{reference}\n");

    /// <returns>The image's reference; null where the path is something else. CVMFS is not looked at.</returns>
    internal static string? Read(string path)
    {
        if (path.StartsWith("/cvmfs/", StringComparison.Ordinal) || new FileInfo(path) is not { Exists: true, Length: < Longest })
        {
            return null;
        }

        try
        {
            string text = File.ReadAllText(path);
            return text.StartsWith(Head, StringComparison.Ordinal) ? text[Head.Length..].Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw GridWrapperException.BadInput("read-image", $"the image {path} cannot be read: {FileTrouble.Describe(e)}");
        }
    }
}
