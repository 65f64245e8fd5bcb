using System.Xml;
using System.Xml.Linq;

namespace GridWrapper.Jobs;

/// <summary>
/// PoolFileCatalog.xml, which a pilot leaves in the job directory after stage-in: where the file behind each logical name is. A file without a logical name
/// stands under the last part of its physical one.
/// </summary>
internal static class PoolFileCatalog
{
    internal const string FileName = "PoolFileCatalog.xml";

    /// <summary>Some hundred bytes for each input; a limit against a wrong file.</summary>
    internal const int LimitBytes = 64 * 1024 * 1024;

    /// <param name="text">The document.</param>
    /// <returns>Physical names (URLs or paths) by logical name.</returns>
    /// <exception cref="FormatException">It is no catalogue.</exception>
    internal static ImmutableDictionary<string, string> Read(string text)
    {
        XDocument document;
        try
        {
            // The catalogue names a document type that is nowhere; it is passed over, and nothing outside the text is ever read.
            using XmlReader reader = XmlReader.Create(new StringReader(text), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null, MaxCharactersInDocument = LimitBytes });
            document = XDocument.Load(reader);
        }
        catch (XmlException e)
        {
            throw new FormatException($"{FileName} is not XML: {e.Message}", e);
        }

        ImmutableDictionary<string, string>.Builder files = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (XElement file in document.Descendants("File"))
        {
            if (Names(file, "pfn").FirstOrDefault() is not { } physical)
            {
                continue;
            }

            string[] logical = [.. Names(file, "lfn")];
            foreach (string name in logical is [] ? [physical[(physical.LastIndexOf('/') + 1)..]] : logical)
            {
                files[name] = physical;
            }
        }

        return document.Root?.Name.LocalName == "POOLFILECATALOG" ? files.ToImmutable() : throw new FormatException($"{FileName} is no catalogue: it begins with <{document.Root?.Name.LocalName}>");
    }

    private static IEnumerable<string> Names(XElement file, string kind) =>
        file.Descendants(kind).Select(static e => (string?)e.Attribute("name")).OfType<string>().Where(static name => name.Length > 0);
}
