using GridWrapper.Diagnostics;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Images;

/// <summary>Reads a JSON document of limited size from bytes that nobody has looked at yet.</summary>
internal static class JsonText
{
    /// <summary>No manifest, configuration or job definition nests deeper than 8; the margin is for foreign annotations.</summary>
    private const int MaxDepth = 64;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="FormatException">What is wrong with the document, as the end of a sentence that begins with its name.</exception>
    internal static JToken Parse(ReadOnlySpan<byte> content, int maxBytes, DuplicatePropertyNameHandling duplicates)
    {
        string text = Decode(content, maxBytes);
        if (text.AsSpan().TrimStart().StartsWith("<"))
        {
            throw new FormatException($"it is a web page or XML, not JSON; it begins with {Quoted.Text(Beginning(text))}");
        }

        using var reader = new JsonTextReader(new StringReader(text))
        {
            DateParseHandling = DateParseHandling.None,
            MaxDepth = MaxDepth,
        };
        try
        {
            JToken root = JToken.Load(reader, new JsonLoadSettings { DuplicatePropertyNameHandling = duplicates, LineInfoHandling = LineInfoHandling.Ignore });
            reader.Read(); // throws where something follows the document
            return root;
        }
        catch (JsonException e)
        {
            throw new FormatException($"it is not valid JSON ({Quoted.Clean(e.Message)}); it begins with {Quoted.Text(Beginning(text))}", e);
        }
    }

    /// <inheritdoc cref="Parse"/>
    internal static JObject ParseObject(ReadOnlySpan<byte> content, int maxBytes, DuplicatePropertyNameHandling duplicates) =>
        Parse(content, maxBytes, duplicates) as JObject ?? throw new FormatException("it is not a JSON object");

    /// <exception cref="FormatException">Empty, too long, or not UTF-8.</exception>
    internal static string Decode(ReadOnlySpan<byte> content, int maxBytes)
    {
        if (content.Length > maxBytes)
        {
            throw new FormatException($"it has {content.Length} bytes, more than the limit of {maxBytes}");
        }

        string text;
        try
        {
            text = Utf8.GetString(content.StartsWith("\uFEFF"u8) ? content[3..] : content);
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException($"it is not UTF-8 text (bad byte at offset {e.Index})", e);
        }

        return text.AsSpan().Trim().IsEmpty ? throw new FormatException("it is empty") : text;
    }

    /// <summary>Enough of a document to recognise it by in a message, and too little to hold a secret.</summary>
    internal static string Beginning(string text)
    {
        string trimmed = text.Trim();
        return trimmed.Length > 40 ? trimmed[..40] + "…" : trimmed;
    }
}
