using System.Text.RegularExpressions;
using GridWrapper.Tests.Documentation;

namespace GridWrapper.Tests.Serving;

/// <summary>
/// What fuzzing has found of one reader: for every way in which it ended, the shortest input that leads there, a line each: the way, a tab, the input in base64. With GRIDWRAP_FUZZ_CORPUS set the
/// fuzz tests add what they find to the file, which is then replayed by <see cref="FuzzCorpusTests"/> in each test run.
/// </summary>
internal sealed partial class FuzzCorpus(string reader)
{
    private readonly Dictionary<string, byte[]> _shortest = Read(reader);

    internal static IEnumerable<string> Readers => Directory.GetFiles(Repository.PathOf("tests/GridWrapper.Tests/Serving/Corpus"), "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)).Order();

    internal IReadOnlyDictionary<string, byte[]> Inputs => _shortest;

    /// <summary>How it ended, without what differs from input to input, or from one version of a library to the next.</summary>
    internal static string Way(Exception? refusal)
    {
        string text = refusal is { InnerException: { } and not InvalidDataException and var inner } ? refusal.Message.Replace(inner.Message, inner.GetType().Name, StringComparison.Ordinal) : refusal?.Message ?? "read";
        return Varying().Replace(text, "#").Replace('\t', ' ').ReplaceLineEndings(" ");
    }

    /// <summary>Whether it is new, or shorter than what is known.</summary>
    internal bool Wants(string way, byte[] input) => !_shortest.TryGetValue(way, out byte[]? known) || input.Length < known.Length;

    internal void Note(string way, byte[] input)
    {
        if (Wants(way, input))
        {
            _shortest[way] = input;
        }
    }

    /// <summary>Writes the file, where that is asked for.</summary>
    internal void Keep()
    {
        if (Environment.GetEnvironmentVariable("GRIDWRAP_FUZZ_CORPUS") is { Length: > 0 })
        {
            File.WriteAllLines(FileOf(reader), _shortest.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}\t{Convert.ToBase64String(pair.Value)}"));
        }
    }

    private static Dictionary<string, byte[]> Read(string reader) => File.Exists(FileOf(reader))
        ? File.ReadLines(FileOf(reader)).Select(line => line.Split('\t')).ToDictionary(words => words[0], words => Convert.FromBase64String(words[1]))
        : [];

    private static string FileOf(string reader) => Path.Combine(Repository.PathOf("tests/GridWrapper.Tests/Serving/Corpus"), reader + ".txt");

    /// <summary>Numbers, paths, and what is quoted from the input.</summary>
    [GeneratedRegex("'.*'(?=: )|/\\S+|'[^']*'|\"[^\"]*\"|-?[0-9][0-9A-Fa-f.:eE+-]*|[^ -~]+", RegexOptions.Singleline)]
    private static partial Regex Varying();
}
