using GridWrapper.Images;
using GridWrapper.Linux;
using GridWrapper.Serving;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Tests.Serving;

/// <summary>A gzip blob with its checkpoints in files.</summary>
internal sealed class CompressedLayer
{
    private readonly string _directory = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "scratch", Guid.NewGuid().ToString("N"))).FullName;

    private readonly long _end;

    /// <param name="step">How much is asked for at a time while it is made.</param>
    internal CompressedLayer(byte[] blob, int step = 128 * 1024)
    {
        using SafeFileHandle copy = File.OpenHandle(BlobFile, FileMode.CreateNew, FileAccess.Write);
        using SafeFileHandle checkpoints = File.OpenHandle(CheckpointsFile, FileMode.CreateNew, FileAccess.Write);
        var writer = new CheckpointWriter(checkpoints);
        using Stream archive = new CheckpointingStream(new MemoryStream(blob), copy, Library, writer);
        var inflated = new MemoryStream();
        byte[] buffer = new byte[step];
        for (int got = 1; got > 0;)
        {
            got = archive.Read(buffer);
            inflated.Write(buffer, 0, got);
        }

        Inflated = inflated.ToArray();
        (Table, _end) = writer.Finish(new Descriptor(MediaTypes.OciLayerGzip, Digest.Of(blob), blob.Length));
    }

    internal static LibZ Library => LibZ.OfNode.Library ?? throw new InvalidOperationException(LibZ.OfNode.Problem);

    internal string BlobFile => _directory + "/blob";

    internal string CheckpointsFile => _directory + "/checkpoints";

    /// <summary>What came out while the checkpoints were made.</summary>
    internal byte[] Inflated { get; }

    internal CheckpointTable Table { get; }

    internal GzipArchive Open(InflatePool pool)
    {
        SafeFileHandle checkpoints = File.OpenHandle(CheckpointsFile);
        return new GzipArchive((File.OpenHandle(BlobFile), checkpoints), CheckpointFile.Read(checkpoints, _end), pool);
    }
}
