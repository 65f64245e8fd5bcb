namespace GridWrapper.Tests.Layers;

/// <summary>
/// The merge rules of overlayfs with userxattr (kernel Documentation/filesystems/overlayfs.rst) on listings, so that a stack can be judged without mounting:
/// topmost entry of a name wins, directories merge until one is opaque or something else lies below, and whiteouts show in the listing of a
/// directory that exists in one layer only.
/// </summary>
internal static class OverlayModel
{
    /// <param name="directories">Topmost first.</param>
    internal static string[] List(IEnumerable<string> directories)
    {
        var layers = directories.Select(d => TreeListing.Of(d).ToDictionary(PathOf, StringComparer.Ordinal)).ToList();
        var lines = new List<string>();
        Merge(layers, "", lines);
        lines.Sort(StringComparer.Ordinal);
        return [.. lines];
    }

    private static void Merge(List<Dictionary<string, string>> layers, string prefix, List<string> lines)
    {
        IEnumerable<string> names = layers.SelectMany(l => l.Keys).Where(k => k.StartsWith(prefix, StringComparison.Ordinal) && k.Length > prefix.Length && !k[prefix.Length..].Contains('/')).Distinct();
        foreach (string path in names)
        {
            var merged = new List<Dictionary<string, string>>();
            string? first = null;
            foreach (Dictionary<string, string> layer in layers)
            {
                if (!layer.TryGetValue(path, out string? line))
                {
                    continue;
                }

                first ??= line;
                if (!IsDirectory(line))
                {
                    break;
                }

                merged.Add(layer);
                if (line.EndsWith(" opaque", StringComparison.Ordinal))
                {
                    break;
                }
            }

            if (IsDirectory(first!))
            {
                lines.Add(first!.Replace(" opaque", "", StringComparison.Ordinal));
                Merge(merged, path + "/", lines);
            }
            else if (!first!.EndsWith(" whiteout", StringComparison.Ordinal) || layers.Count == 1)
            {
                lines.Add(first);
            }
        }
    }

    private static bool IsDirectory(string line) => line.Split(' ')[0].EndsWith('/');

    private static string PathOf(string line) => line.Split(' ')[0].TrimEnd('/');
}
