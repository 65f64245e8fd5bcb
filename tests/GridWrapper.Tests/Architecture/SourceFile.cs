using System.Text.RegularExpressions;
using GridWrapper.Tests.Documentation;

namespace GridWrapper.Tests.ArchitectureTests;

/// <summary>One source file of the program, with its text freed of comments and of what stands in strings.</summary>
/// <param name="Path">Relative to src/GridWrapper, with '/'.</param>
/// <param name="Text">As written.</param>
/// <param name="Code">Without comments; strings are empty.</param>
internal sealed partial record SourceFile(string Path, string Text, string Code)
{
    /// <summary>First folder, or "" for the files at the top.</summary>
    internal string Room => Path.Contains('/', StringComparison.Ordinal) ? Path.Split('/')[0] : "";

    internal string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    internal int Lines => Text.Count(c => c == '\n');

    internal static SourceFile[] All { get; } = Read();

    public override string ToString() => Path;

    internal bool Mentions(string pattern) => Regex.IsMatch(Code, pattern, RegexOptions.CultureInvariant);

    private static SourceFile[] Read()
    {
        string root = Repository.PathOf("src/GridWrapper");
        return
        [
            .. Directory.GetFiles(root, "*.cs", SearchOption.AllDirectories)
                .Select(f => (Full: f, Relative: System.IO.Path.GetRelativePath(root, f)))
                .Where(f => !f.Relative.StartsWith("obj/", StringComparison.Ordinal) && !f.Relative.StartsWith("bin/", StringComparison.Ordinal))
                .OrderBy(f => f.Relative, StringComparer.Ordinal)
                .Select(f => (f.Relative, Text: File.ReadAllText(f.Full)))
                .Select(f => new SourceFile(f.Relative, f.Text, NoiseOf().Replace(f.Text, "\"\""))),
        ];
    }

    [GeneratedRegex(""""//[^\n]*|/\*[\s\S]*?\*/|\$*"""[\s\S]*?"""|\$?@"(?:[^"]|"")*"|\$?"(?:[^"\\\n]|\\.)*"|'(?:[^'\\]|\\.)+'"""", RegexOptions.CultureInvariant)]
    private static partial Regex NoiseOf();
}
