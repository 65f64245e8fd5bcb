using GridWrapper.Diagnostics;

namespace GridWrapper.Commands;

/// <summary>A file of variables as shells write them: `K=V` or `export K=V` a line, values between quotes or bare, `#` at a line's beginning for remarks. Nothing is expanded.</summary>
internal static class EnvironmentFile
{
    private const string Export = "export ";

    /// <exception cref="GridWrapperException">It cannot be read.</exception>
    internal static IEnumerable<string> Lines(string file)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw GridWrapperException.BadCommandLine($"--env-file {file} cannot be read: {FileTrouble.Describe(e)}");
        }

        return lines.Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#').Select(Unquoted);
    }

    private static string Unquoted(string line)
    {
        string text = line.StartsWith(Export, StringComparison.Ordinal) ? line[Export.Length..].TrimStart() : line;
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        string value = text[(equals + 1)..];
        return value is ['"', .., '"'] or ['\'', .., '\''] ? text[..(equals + 1)] + value[1..^1] : text;
    }
}
