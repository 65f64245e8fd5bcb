namespace GridWrapper.Layers;

/// <summary>What of a layer only its owner can read, by the modes in its index. The files themselves are not looked at.</summary>
internal static class ClosedEntries
{
    private const uint OthersRead = 4;
    private const uint OthersReadAndEnter = 5;

    /// <summary>Their paths, one char per byte.</summary>
    internal static ImmutableArray<string> Of(string indexFile)
    {
        using var reader = new StreamReader(indexFile, Encoding.Latin1);
        if (reader.ReadLine() + "\n" != IndexLines.Header)
        {
            throw new InvalidDataException($"{indexFile} is not an index that this version of gridwrap knows");
        }

        ImmutableArray<string>.Builder closed = ImmutableArray.CreateBuilder<string>();
        while (reader.ReadLine() is { } line)
        {
            if (IsClosed(line))
            {
                closed.Add(IndexLines.Parse(line).Path.Latin1);
            }
        }

        return closed.ToImmutable();
    }

    /// <summary>TYPE MODE …: a hundred thousand lines are not taken apart further than that.</summary>
    private static bool IsClosed(string line)
    {
        int end = line.Length > 2 && line[0] is 'f' or 'd' ? line.IndexOf(' ', 2) : -1;
        if (end <= 2)
        {
            return false;
        }

        uint others = (uint)(line[end - 1] - '0');
        uint wanted = line[0] == 'f' ? OthersRead : OthersReadAndEnter;
        return (others & wanted) != wanted;
    }
}
