using GridWrapper.Images;

namespace GridWrapper.Layers;

/// <summary>What layers take on disk once they are unpacked, guessed from the sizes of their blobs. The figures are those of a HEP release image: 800 MB compressed, 2.8 GB in 120,000 files.</summary>
internal static class LayerEstimate
{
    internal const double UnpackedPerCompressed = 3.5;
    internal const double KeptPerCompressed = 1.05;
    internal const double CompressedBytesPerFile = 6_700;

    /// <summary>Images differ: there are those of a few large files. A quarter of the usual number is certain enough to refuse on.</summary>
    private const double CertainShareOfFiles = 0.25;

    internal static double Bytes(IEnumerable<Descriptor> blobs) =>
        blobs.Sum(blob => blob.SizeBytes * (blob.MediaType is MediaTypes.OciLayer or MediaTypes.DockerLayer ? 1.0 : UnpackedPerCompressed));

    /// <summary>Where gzip blobs are kept as they are: with index and checkpoints. The others are kept inflated.</summary>
    internal static double CompressedBytes(IEnumerable<Descriptor> blobs) => blobs.Sum(blob => IsGzip(blob) ? blob.SizeBytes * KeptPerCompressed : Bytes([blob]));

    /// <summary>As its media type says.</summary>
    internal static bool IsGzip(Descriptor blob) => blob.MediaType is MediaTypes.OciLayerGzip or MediaTypes.DockerLayerGzip or MediaTypes.OciForeignLayerGzip or MediaTypes.DockerForeignLayerGzip;

    internal static double Files(IEnumerable<Descriptor> blobs) => blobs.Sum(blob => blob.SizeBytes / CompressedBytesPerFile);

    internal static double LeastFiles(IEnumerable<Descriptor> blobs) => Files(blobs) * CertainShareOfFiles;

    /// <summary>For people: "about 340 MB and 12000 files".</summary>
    internal static string Words(IReadOnlyCollection<Descriptor> blobs) =>
        string.Create(CultureInfo.InvariantCulture, $"about {Math.Max(1, Bytes(blobs) / 1e6):0} MB and {Math.Max(1, Files(blobs)):0} files");
}
