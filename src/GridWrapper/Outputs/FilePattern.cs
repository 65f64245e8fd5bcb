namespace GridWrapper.Outputs;

/// <summary>
/// Shell patterns as fnmatch(3) knows them, byte order, case-sensitive: <c>*</c>, <c>?</c>, <c>[a-z]</c>, <c>[!a-z]</c>. As in a shell, a '.' at the
/// beginning of a name is matched by a '.' only, and no wildcard matches a '/'.
/// </summary>
internal static class FilePattern
{
    internal static bool HasWildcard(string text) => text.AsSpan().IndexOfAny("*?[") >= 0;

    /// <summary>Whether a relative path of the same depth matches, part by part.</summary>
    internal static bool MatchesPath(string pattern, string path)
    {
        string[] patterns = pattern.Split('/');
        string[] parts = path.Split('/');
        return patterns.Length == parts.Length && patterns.Zip(parts).All(p => MatchesName(p.First, p.Second));
    }

    internal static bool MatchesName(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name) =>
        (name is not ['.', ..] || pattern is ['.', ..]) && Matches(pattern, name);

    /// <summary>Linear in practice: on a mismatch only the last star is tried one character further.</summary>
    private static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        (int p, int n, int star, int retry) = (0, 0, -1, 0);
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                retry = n;
            }
            else if (p < pattern.Length && MatchesOne(pattern[p..], name[n]) is > 0 and int used)
            {
                p += used;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++retry;
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].TrimStart('*').Length == 0;
    }

    /// <summary>How many characters of the pattern were used to match one character, 0 for no match.</summary>
    private static int MatchesOne(ReadOnlySpan<char> pattern, char c)
    {
        if (pattern[0] == '[' && SetEnd(pattern) is > 0 and int end)
        {
            return InSet(pattern[1..end], c) ? end + 1 : 0;
        }

        return pattern[0] == '?' || pattern[0] == c ? 1 : 0;
    }

    /// <summary>Index of the ']' that closes a set, -1 when the '[' stands for itself.</summary>
    private static int SetEnd(ReadOnlySpan<char> pattern)
    {
        int first = pattern.Length > 1 && pattern[1] is '!' or '^' ? 2 : 1;
        for (int i = first + 1; i < pattern.Length; i++)
        {
            if (pattern[i] == ']')
            {
                return i;
            }
        }

        return -1;
    }

    private static bool InSet(ReadOnlySpan<char> set, char c)
    {
        bool negated = set is ['!' or '^', ..];
        set = negated ? set[1..] : set;
        bool found = false;
        for (int i = 0; i < set.Length; i++)
        {
            bool range = i + 2 < set.Length && set[i + 1] == '-';
            found |= range ? c >= set[i] && c <= set[i + 2] : c == set[i];
            i += range ? 2 : 0;
        }

        return found != negated;
    }
}
