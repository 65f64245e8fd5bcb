using GridWrapper.Diagnostics;
using Newtonsoft.Json.Linq;

namespace GridWrapper.Images;

/// <summary>
/// Image manifests and indexes, OCI and Docker v2 schema 2, from bytes. What cannot be told apart without doubt is refused: a document that is both a
/// manifest and an index (CVE-2021-41190) or that calls itself something other than the registry does has no safe reading.
/// </summary>
internal static class ManifestReader
{
    /// <summary>Bytes; what registries themselves accept (distribution-spec, "Pushing Manifests").</summary>
    internal const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Builders stop at 127, the kernel stacks 500 and more are put together; beyond this it is no image.</summary>
    internal const int MaxLayers = 1000;

    /// <summary>Platforms times variants times attestations of the largest known indexes stay below 100.</summary>
    internal const int MaxIndexEntries = 1000;

    private const string Step = "read-manifest";

    /// <param name="content">The bytes as served; their hash becomes the document's digest.</param>
    /// <param name="contentType">The registry's Content-Type header; null where there is none, as in a local layout.</param>
    /// <param name="source">Name of the image for messages.</param>
    /// <exception cref="GridWrapperException">All faults of the document.</exception>
    internal static ManifestDocument Read(ReadOnlySpan<byte> content, string? contentType, string source)
    {
        JObject root = Load(content, contentType, source);
        var faults = new List<string>();
        string mediaType = ManifestKind.Of(root, contentType, faults);
        ThrowIfAny(faults, source);

        var reader = new DescriptorReader(faults, StringComparison.Ordinal);
        if (MediaTypes.IsIndex(mediaType))
        {
            ImmutableArray<Descriptor>? entries = reader.ReadAll(root, "manifests", MaxIndexEntries);
            ThrowIfAny(faults, source);
            return new ManifestDocument.Index(Digest.Of(content), mediaType, entries!.Value);
        }

        Parts? parts = ReadImage(reader, root, mediaType, faults);
        ThrowIfAny(faults, source);
        return new ManifestDocument.Image(new ImageManifest
        {
            Digest = Digest.Of(content),
            MediaType = mediaType,
            Config = parts!.Config,
            Layers = parts.Layers,
        });
    }

    /// <summary>
    /// The <c>manifest.json</c> of a CVMFS image repository: the same document written again by DUCC with capitalised keys (reference: unpacked image
    /// layout, metadata files), so keys are compared without regard to case and media types need not be there twice.
    /// </summary>
    /// <exception cref="GridWrapperException">All faults of the document; blame is CVMFS.</exception>
    internal static CvmfsImageMetadata ReadCvmfsMetadata(ReadOnlySpan<byte> content, string source)
    {
        var faults = new List<string>();
        CvmfsImageMetadata? metadata = null;
        try
        {
            metadata = ReadCvmfs(JsonText.ParseObject(content, MaxBytes, DuplicatePropertyNameHandling.Error), faults);
        }
        catch (FormatException e)
        {
            faults.Add(e.Message);
        }

        return metadata ?? throw Failed(Quoted.List($"the image metadata {source} in CVMFS cannot be used", faults), Blame.Cvmfs);
    }

    private static CvmfsImageMetadata? ReadCvmfs(JObject root, List<string> faults)
    {
        var reader = new DescriptorReader(faults, StringComparison.OrdinalIgnoreCase);
        if (reader.Get(root, "fsLayers") is not null || (reader.Get(root, "schemaVersion") is JValue { Value: long version } && version != 2))
        {
            faults.Add("it is a Docker schema 1 manifest, which names no configuration");
            return null;
        }

        string? mediaType = reader.GetString(root, "mediaType", "the document");
        mediaType = string.IsNullOrEmpty(mediaType) ? MediaTypes.DockerManifest : mediaType;
        if (!MediaTypes.IsManifest(mediaType))
        {
            faults.Add($"its mediaType {Quoted.Text(mediaType)} is not that of an image manifest");
        }

        Parts? parts = ReadImage(reader, root, mediaType, faults);
        return faults.Count == 0 && parts is not null ? new CvmfsImageMetadata(mediaType, parts.Config, parts.Layers) : null;
    }

    private static JObject Load(ReadOnlySpan<byte> content, string? contentType, string source)
    {
        try
        {
            return JsonText.ParseObject(content, MaxBytes, DuplicatePropertyNameHandling.Error);
        }
        catch (FormatException e)
        {
            string type = contentType is null ? "" : $" (Content-Type {Quoted.Text(contentType)})";
            const string Advice = "if a proxy or a log-in page answers in the registry's place, tell the site";
            throw Failed($"the manifest of {source}{type} cannot be read: {e.Message}; {Advice}", Blame.Registry, e);
        }
    }

    /// <summary>Null only if there are faults.</summary>
    private static Parts? ReadImage(DescriptorReader reader, JObject root, string mediaType, List<string> faults)
    {
        Descriptor? config = reader.Read(reader.Get(root, "config"), "config");
        if (config is not null && !MediaTypes.IsImageConfig(config.MediaType, mediaType))
        {
            string artifact = reader.GetString(root, "artifactType", "the document") ?? config.MediaType;
            faults.Add($"it is not a container image but an artifact of type {Quoted.Text(artifact)}{ArtifactAdvice(artifact)}");
            return null;
        }

        ImmutableArray<Descriptor>? layers = reader.ReadAll(root, "layers", MaxLayers);
        if (layers is { IsEmpty: true } && faults.Count == 0)
        {
            faults.Add("it lists no layers, so there is no root filesystem to run in");
        }

        foreach (Descriptor layer in layers ?? [])
        {
            if (!MediaTypes.IsLayer(layer.MediaType))
            {
                string why = layer.MediaType.EndsWith("+encrypted", StringComparison.Ordinal) ? "is encrypted" : "is of a type that is not known";
                faults.Add($"layer {layer.Digest} {why}: {Quoted.Text(layer.MediaType)}");
            }
        }

        return config is null || layers is null ? null : new Parts(config, layers.Value);
    }

    private static string ArtifactAdvice(string artifactType) =>
        artifactType.StartsWith("application/vnd.sylabs.sif", StringComparison.Ordinal)
            ? ": a SIF file kept in a registry; fetch it with 'apptainer pull' and give its path"
            : "; give the reference of the image itself";

    private static void ThrowIfAny(List<string> faults, string source)
    {
        if (faults.Count > 0)
        {
            throw Failed(Quoted.List($"the manifest of {source} cannot be used", faults), Blame.Image);
        }
    }

    private sealed record Parts(Descriptor Config, ImmutableArray<Descriptor> Layers);

    private static GridWrapperException Failed(string message, Blame blame, Exception? inner = null) => new(
        new Failure
        {
            Blame = blame,
            Phase = Phase.Resolve,
            Step = Step,
            PilotErrorCode = PilotError.ContainerImageMountFailure,
            Message = message,
            Retryable = blame == Blame.Registry,
        },
        inner);
}
