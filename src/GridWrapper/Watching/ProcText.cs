using System.Buffers.Text;

namespace GridWrapper.Watching;

/// <summary>Numbers out of the texts of /proc. Pure; what does not look as expected is 0.</summary>
internal static class ProcText
{
    /// <summary>The number at the beginning, after blanks.</summary>
    internal static long Number(ReadOnlySpan<byte> text)
    {
        text = text.TrimStart(" \t"u8);
        return Utf8Parser.TryParse(text, out long number, out _) ? number : 0;
    }

    /// <summary>The number after a key at the beginning of a line, "Pss:" or "usage_usec".</summary>
    internal static long Value(ReadOnlySpan<byte> text, ReadOnlySpan<byte> key)
    {
        while (!text.IsEmpty)
        {
            if (text.StartsWith(key) && text.Length > key.Length && (key[^1] == ':' || text[key.Length] is (byte)' ' or (byte)'\t'))
            {
                return Number(text[key.Length..]);
            }

            int end = text.IndexOf((byte)'\n');
            text = end < 0 ? [] : text[(end + 1)..];
        }

        return 0;
    }

    /// <summary>Takes the next word off.</summary>
    internal static ReadOnlySpan<byte> Word(ref ReadOnlySpan<byte> text)
    {
        text = text.TrimStart(" \t\n"u8);
        int end = text.IndexOfAny(" \t\n"u8);
        ReadOnlySpan<byte> word = end < 0 ? text : text[..end];
        text = text[word.Length..];
        return word;
    }
}
