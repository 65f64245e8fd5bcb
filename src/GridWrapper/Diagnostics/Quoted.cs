namespace GridWrapper.Diagnostics;

/// <summary>
/// Foreign text inside a message of ours: in apostrophes, cut to a readable length, control characters written as \xNN, so that a document
/// can neither drown the message nor send escape sequences to the terminal that shows it.
/// </summary>
internal static class Quoted
{
    /// <summary>Longer texts are cut here; long enough for any image name or option a person would write.</summary>
    internal const int MaxCharacters = 160;

    internal static string Text(string? text) => text is null ? "nothing" : $"'{Clean(text)}'";

    /// <summary>The same without the apostrophes.</summary>
    internal static string Clean(string text)
    {
        var line = new StringBuilder(Math.Min(text.Length, MaxCharacters) + 8);
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, MaxCharacters)))
        {
            if (char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029' or '\u202e' or '\ufeff')
            {
                line.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
            }
            else
            {
                line.Append(c);
            }
        }

        return text.Length > MaxCharacters ? line.Append('…').ToString() : line.ToString();
    }

    /// <summary>"head: fault", or one line per fault where there are several.</summary>
    internal static string List(string head, IReadOnlyCollection<string> faults) =>
        faults.Count == 1 ? $"{head}: {faults.First()}" : $"{head}:{string.Concat(faults.Select(fault => "\n  - " + fault))}";
}
