namespace GridWrapper.Diagnostics;

/// <summary>Finds what somebody probably meant: for misspelt keys, names and options.</summary>
internal static class NearestName
{
    /// <summary>The known name closest to <paramref name="word"/>, or null when none is near enough to be a plausible slip (a third of its length, at least one letter).</summary>
    internal static string? Of(string word, IEnumerable<string> known)
    {
        string? best = null;
        int bestDistance = Math.Max(1, word.Length / 3) + 1;
        foreach (string candidate in known)
        {
            int distance = Distance(word.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (distance < bestDistance)
            {
                (best, bestDistance) = (candidate, distance);
            }
        }

        return best;
    }

    /// <summary>" (did you mean \"x\"?)" or nothing, to be appended to a message.</summary>
    internal static string Hint(string word, IEnumerable<string> known) => Of(word, known) is { } near ? $" (did you mean \"{near}\"?)" : "";

    /// <summary>Edit distance in which a swap of neighbours counts once (optimal string alignment).</summary>
    private static int Distance(string left, string right)
    {
        int[][] cost = new int[left.Length + 1][];
        for (int i = 0; i <= left.Length; i++)
        {
            cost[i] = new int[right.Length + 1];
            for (int j = 0; j <= right.Length; j++)
            {
                cost[i][j] = i == 0 || j == 0 ? i + j : Step(cost, left, right, (i, j));
            }
        }

        return cost[left.Length][right.Length];
    }

    private static int Step(int[][] cost, string left, string right, (int I, int J) at)
    {
        (int i, int j) = at;
        int replace = cost[i - 1][j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
        int best = Math.Min(replace, Math.Min(cost[i - 1][j], cost[i][j - 1]) + 1);
        bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
        return swapped ? Math.Min(best, cost[i - 2][j - 2] + 1) : best;
    }
}
