using GridWrapper.Diagnostics;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Images;

/// <summary>Decides what a manifest document is, from its own mediaType, the registry's Content-Type and its shape; all three must agree.</summary>
internal static class ManifestKind
{
    /// <summary>One of the four media types of manifests and indexes; meaningless if a fault was added.</summary>
    internal static string Of(JObject root, string? contentType, List<string> faults)
    {
        string header = MediaTypes.WithoutParameters(contentType);
        string own = OwnMediaType(root, faults);
        if (MediaTypes.IsSchema1(header) || MediaTypes.IsSchema1(own) || root.ContainsKey("fsLayers") || root["schemaVersion"] is JValue { Value: 1L })
        {
            faults.Add("it is in Docker's schema 1, which is withdrawn and names layers without a verifiable configuration; "
                + "pull and push the image with a current tool");
            return own;
        }

        if (root["schemaVersion"] is not JValue { Value: 2L })
        {
            string? version = root["schemaVersion"]?.ToString(Newtonsoft.Json.Formatting.None);
            faults.Add($"its schemaVersion is {(version is null ? "missing" : Quoted.Clean(version))}, not 2");
        }

        if (own.Length > 0 && IsSpecific(header) && own != header)
        {
            faults.Add($"the registry calls it {Quoted.Text(header)} and the document calls itself {Quoted.Text(own)}");
        }

        string kind = own.Length > 0 ? own : IsSpecific(header) ? header : ByShape(root);
        CheckShape(root, kind, faults);
        return kind;
    }

    private static string OwnMediaType(JObject root, List<string> faults)
    {
        JToken? value = root["mediaType"];
        if (value is null or { Type: JTokenType.Null })
        {
            return "";
        }

        if (value.Type == JTokenType.String)
        {
            return (string)value!;
        }

        faults.Add($"its mediaType is {DescriptorReader.Name(value)}, not a string");
        return "";
    }

    /// <summary>Headers that say nothing about the document; static file servers send them.</summary>
    private static bool IsSpecific(string header) =>
        header is not ("" or "application/json" or "application/octet-stream" or "text/plain" or "binary/octet-stream");

    private static string ByShape(JObject root) => root.ContainsKey("manifests") ? MediaTypes.OciIndex : MediaTypes.OciManifest;

    private static void CheckShape(JObject root, string kind, List<string> faults)
    {
        bool hasManifests = root.ContainsKey("manifests");
        bool hasLayers = root.ContainsKey("layers") || root.ContainsKey("config");
        if (hasManifests && hasLayers)
        {
            faults.Add("it has both manifests and layers, so it can be read as two different images (CVE-2021-41190)");
        }
        else if (MediaTypes.IsIndex(kind) && hasLayers)
        {
            faults.Add($"it is called an index ({Quoted.Text(kind)}) but holds an image manifest");
        }
        else if (MediaTypes.IsManifest(kind) && hasManifests)
        {
            faults.Add($"it is called an image manifest ({Quoted.Text(kind)}) but holds an index");
        }
        else if (!MediaTypes.IsIndex(kind) && !MediaTypes.IsManifest(kind))
        {
            faults.Add($"its type {Quoted.Text(kind)} is neither an image manifest nor an index");
        }
    }
}
