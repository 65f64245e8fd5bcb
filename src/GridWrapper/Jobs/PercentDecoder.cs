using System.Buffers;

namespace GridWrapper.Jobs;

/// <summary>Percent-encoding as Python's quote writes it (RFC 3986): UTF-8, and what is no valid sequence stays as it is.</summary>
internal static class PercentDecoder
{
    /// <summary>The payload text of `-p`: a plus is a plus.</summary>
    internal static string Decode(string text) => text.Contains('%', StringComparison.Ordinal) ? DecodeSequences(text) : text;

    /// <summary>A value of an application/x-www-form-urlencoded text: a plus is a blank.</summary>
    internal static string DecodeForm(string text) => Decode(text.Replace('+', ' '));

    private static string DecodeSequences(string text)
    {
        var decoded = new StringBuilder(text.Length);
        byte[] run = new byte[text.Length / 3];
        int at = 0;
        while (at < text.Length)
        {
            int start = at;
            int length = 0;
            while (at + 2 < text.Length && text[at] == '%' && char.IsAsciiHexDigit(text[at + 1]) && char.IsAsciiHexDigit(text[at + 2]))
            {
                run[length++] = (byte)((Convert.ToInt32(text.Substring(at + 1, 2), 16)) & 0xff);
                at += 3;
            }

            AppendUtf8(decoded, run.AsSpan(0, length), text.AsSpan(start, at - start));
            if (at < text.Length && length == 0)
            {
                decoded.Append(text[at++]);
            }
        }

        return decoded.ToString();
    }

    private static void AppendUtf8(StringBuilder decoded, ReadOnlySpan<byte> bytes, ReadOnlySpan<char> encoded)
    {
        while (!bytes.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed) == OperationStatus.Done;
            if (valid)
            {
                decoded.Append(rune.ToString());
            }
            else
            {
                decoded.Append(encoded[..(consumed * 3)]);
            }

            bytes = bytes[consumed..];
            encoded = encoded[(consumed * 3)..];
        }
    }
}
