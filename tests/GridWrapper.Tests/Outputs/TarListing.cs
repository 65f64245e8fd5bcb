using System.Formats.Tar;
using System.IO.Compression;

namespace GridWrapper.Tests.Outputs;

/// <summary>What a gzip tar holds: name → content, "-> target" for links.</summary>
internal static class TarListing
{
    internal static Dictionary<string, string> Of(string path)
    {
        using GZipStream gzip = new(File.OpenRead(path), CompressionMode.Decompress);
        using TarReader tar = new(gzip);
        Dictionary<string, string> entries = [];
        while (tar.GetNextEntry() is { } entry)
        {
            using StreamReader? content = entry.DataStream is null ? null : new StreamReader(entry.DataStream);
            entries.Add(entry.Name, entry.EntryType == TarEntryType.SymbolicLink ? "-> " + entry.LinkName : content?.ReadToEnd() ?? "");
        }

        return entries;
    }
}
