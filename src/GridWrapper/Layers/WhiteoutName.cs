namespace GridWrapper.Layers;

/// <summary>The reserved names of the OCI image specification (layer.md, "Whiteouts").</summary>
internal static class WhiteoutName
{
    /// <summary>What a name in a layer archive means.</summary>
    internal enum Meaning
    {
        Entry,

        /// <summary>Removes a sibling of the layers below.</summary>
        Whiteout,

        /// <summary>Removes all that the layers below have in this directory.</summary>
        Opaque,

        /// <summary>Bookkeeping of aufs; no part of the image.</summary>
        Ignored,
    }

    /// <param name="hidden">The name a whiteout removes, one char per byte.</param>
    /// <exception cref="InvalidDataException">A whiteout of nothing, of "." or of "..".</exception>
    internal static Meaning Classify(EntryPath path, out string hidden)
    {
        hidden = "";
        if (!path.Latin1.Contains(".wh.", StringComparison.Ordinal))
        {
            return Meaning.Entry;
        }

        string name = Encoding.Latin1.GetString(path.Name);
        if (!name.StartsWith(".wh.", StringComparison.Ordinal))
        {
            return Meaning.Entry;
        }

        if (name.StartsWith(".wh..wh.", StringComparison.Ordinal))
        {
            return name == ".wh..wh..opq" ? Meaning.Opaque : Meaning.Ignored;
        }

        hidden = name[4..];
        return hidden is "" or "." or ".." ? throw new InvalidDataException($"'{path}' is a whiteout of nothing that can be removed") : Meaning.Whiteout;
    }
}
