using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Sites;

/// <summary>
/// Collects the faults of one document and finds where they stand. The JSON reader remembers the <em>end</em> of a key or value; people want its start,
/// so the text of the line is searched backwards from there.
/// </summary>
internal sealed class ProfileFaults(string text)
{
    private readonly string[] _lines = text.Split('\n');
    private readonly List<ProfileFault> _found = [];

    internal bool Any => _found.Count > 0;

    internal ImmutableArray<ProfileFault> InOrder => [.. _found.OrderBy(f => f.Line).ThenBy(f => f.Column)];

    internal void Add(JToken token, string path, string message)
    {
        (int line, int column) = Place(token);
        _found.Add(new ProfileFault(line, column, path, message));
    }

    internal void Add(ProfileFault fault) => _found.Add(fault);

    private (int Line, int Column) Place(JToken token)
    {
        IJsonLineInfo info = token;
        if (!info.HasLineInfo() || info.LineNumber > _lines.Length)
        {
            return (0, 0);
        }

        string? written = token switch
        {
            JProperty property => property.Name,
            JValue value => value.Value is string textValue ? textValue : value.ToString(Formatting.None),
            _ => null,
        };
        string before = _lines[info.LineNumber - 1];
        before = before[..Math.Min(info.LinePosition, before.Length)];
        int start = string.IsNullOrEmpty(written) ? -1 : before.LastIndexOf(written, StringComparison.Ordinal);
        bool quoted = start > 0 && before[start - 1] is '"' or '\'';
        return (info.LineNumber, start < 0 ? Math.Max(1, info.LinePosition) : start + (quoted ? 0 : 1));
    }
}
