using System.Text.Json;
using GridWrapper.Images;
using GridWrapper.Layers;

namespace GridWrapper.Serving;

/// <summary>What a table of contents says: the layer's tree, and where the bytes of its files are.</summary>
/// <param name="PrefetchEnd">All of the blob before it is wanted at the start; 0 where nothing is named.</param>
internal sealed record LazyTree(LayerTree Tree, ChunkTable Chunks, long PrefetchEnd)
{
    private static readonly byte[][] Hidden = [.. ((string[])[".prefetch.landmark", ".no.prefetch.landmark", "stargz.index.json"]).Select(Encoding.ASCII.GetBytes)];

    /// <summary>Reads the JSON document.</summary>
    /// <param name="tocOffset">Where the table lies in the blob: the files lie before it.</param>
    /// <exception cref="InvalidDataException">It is damaged or hostile; layer and entry are named.</exception>
    internal static LazyTree Read(ReadOnlySpan<byte> json, Descriptor layer, long tocOffset)
    {
        var entry = new TocEntry();
        try
        {
            ExtractionLimits limits = ExtractionLimits.ForBlob(layer.SizeBytes);
            var parsing = new Parsing(limits, new LayerTreeBuilder(limits), new ChunkTableBuilder(tocOffset, limits));
            Parse(json, parsing, entry);
            parsing.Chunks.End();
            return new LazyTree(parsing.Tree.Finish(), parsing.Chunks.Finish(), parsing.PrefetchEnd);
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or InvalidOperationException or OverflowException)
        {
            string where = entry.Name is null ? "" : $", at '{EntryPath.ForPeople(entry.Name)}'";
            throw new InvalidDataException($"the table of contents of layer {layer.Digest} cannot be used{where}: {(e is OverflowException ? "its numbers are too large together" : e.Message)}", e);
        }
    }

    private static void Parse(ReadOnlySpan<byte> json, Parsing parsing, TocEntry entry)
    {
        var reader = new Utf8JsonReader(json);
        bool found = false;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new InvalidDataException("it is no JSON object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool entries = reader.ValueTextEquals("entries"u8);
            bool version = reader.ValueTextEquals("version"u8);
            reader.Read();
            if (version && !(reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int number) && number == 1))
            {
                throw new InvalidDataException("its version is not 1");
            }

            if (!entries)
            {
                reader.Skip();
            }
            else if (found || reader.TokenType != JsonTokenType.StartArray)
            {
                throw new InvalidDataException("it has no list of entries, or more than one");
            }
            else
            {
                found = true;
                ReadEntries(ref reader, parsing, entry);
            }
        }

        // What follows the document is an error, too.
        _ = reader.Read();
        if (!found)
        {
            throw new InvalidDataException("it has no list of entries");
        }
    }

    private static void ReadEntries(ref Utf8JsonReader reader, Parsing parsing, TocEntry entry)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw new InvalidDataException("an entry is no object");
            }

            TocEntryReader.Read(ref reader, entry);
            parsing.Take(entry);
        }
    }

    private sealed class Parsing(ExtractionLimits limits, LayerTreeBuilder tree, ChunkTableBuilder chunks)
    {
        private long _entries;

        internal LayerTreeBuilder Tree => tree;

        internal ChunkTableBuilder Chunks => chunks;

        internal long PrefetchEnd { get; private set; }

        internal void Take(TocEntry entry)
        {
            if (++_entries > limits.MaxEntries)
            {
                throw new InvalidDataException($"it has more than {limits.MaxEntries} entries");
            }

            if (entry.IsChunk)
            {
                chunks.Add(entry);
                return;
            }

            chunks.End();
            if (entry.Kind == TocEntryKind.Unknown || entry.Name is null)
            {
                throw new InvalidDataException("an entry has no type, or no name");
            }

            if (IsHidden(entry.Name, out int hidden))
            {
                PrefetchEnd = hidden == 0 ? entry.Offset : PrefetchEnd;
            }
            else
            {
                tree.Add(entry.ToTarEntry(), entry.IsFile ? chunks.Begin(entry) : 0);
            }
        }

        /// <summary>Files that only say how the layer is packed.</summary>
        private static bool IsHidden(ReadOnlySpan<byte> name, out int which)
        {
            name = name.StartsWith("./"u8) ? name[2..] : name.TrimStart((byte)'/');
            for (which = Hidden.Length - 1; which >= 0 && !name.SequenceEqual(Hidden[which]); which--)
            {
            }

            return which >= 0;
        }
    }
}
