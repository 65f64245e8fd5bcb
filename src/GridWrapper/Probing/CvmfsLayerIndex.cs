namespace GridWrapper.Probing;

/// <summary>What a walk through a layer in CVMFS found. Paths are relative, one char per byte.</summary>
internal sealed record CvmfsLayerIndex
{
    /// <summary>Paths removed from the layers below.</summary>
    public required ImmutableArray<string> Whiteouts { get; init; }

    /// <summary>Directories whose content in the layers below is removed; the empty text is the root.</summary>
    public required ImmutableArray<string> Opaques { get; init; }

    /// <summary>Files of the publisher that are no part of the image: the marks of removals, of catalogs.</summary>
    public required ImmutableArray<string> Masked { get; init; }

    /// <summary>The directories above <see cref="Masked"/>, parents first.</summary>
    public required ImmutableArray<MarkedDirectory> Parents { get; init; }

    /// <summary>Directories in the layer's root.</summary>
    public required ImmutableArray<string> RootDirectories { get; init; }

    /// <summary>Number of entries that this user cannot read or list.</summary>
    public required int Unreadable { get; init; }

    /// <summary>Up to a hundred of them.</summary>
    public required ImmutableArray<string> UnreadablePaths { get; init; }

    public required long Entries { get; init; }

    /// <summary>The records of a probe child, or of a file that keeps them.</summary>
    internal static CvmfsLayerIndex From(IReadOnlyDictionary<string, string> records)
    {
        ILookup<char, string> marks = records.Where(r => r.Key.Length > 2 && r.Key[1] == '.').ToLookup(r => r.Key[0], r => r.Value);
        return new CvmfsLayerIndex
        {
            Whiteouts = Sorted(marks['w']),
            Opaques = Sorted(marks['o']),
            Masked = Sorted(marks['m']),
            Parents = [.. marks['d'].Select(Directory).OrderBy(d => d.Path, StringComparer.Ordinal)],
            RootDirectories = Sorted(marks['t']),
            Unreadable = int.Parse(records.GetValueOrDefault("unreadable", "0"), NumberStyles.None, CultureInfo.InvariantCulture),
            UnreadablePaths = Sorted(marks['u']),
            Entries = long.Parse(records.GetValueOrDefault("entries", "0"), NumberStyles.None, CultureInfo.InvariantCulture),
        };
    }

    private static ImmutableArray<string> Sorted(IEnumerable<string> texts) => [.. texts.Order(StringComparer.Ordinal)];

    private static MarkedDirectory Directory(string text)
    {
        string[] words = text.Split(' ', 4);
        return new MarkedDirectory(words[3], Convert.ToUInt32(words[0], 8), long.Parse(words[1], CultureInfo.InvariantCulture), long.Parse(words[2], CultureInfo.InvariantCulture));
    }
}

/// <summary>A directory of a layer whose attributes a copy of it has to have.</summary>
internal sealed record MarkedDirectory(string Path, uint Permissions, long Seconds, long Nanoseconds);
