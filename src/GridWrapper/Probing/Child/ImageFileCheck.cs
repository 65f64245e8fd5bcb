using GridWrapper.Linux;
using GridWrapper.Squashfs;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Probing;

/// <summary>Reads the header of an open SIF or squashfs file and says what is in it.</summary>
internal static class ImageFileCheck
{
    private const string Prefix = "file.";

    internal static void Run(int fd, string kind, Libc.FileStatus status, ProbeOutput output)
    {
        output.Step("header");
        output.Say(Prefix + "state", status.State);
        try
        {
            using SafeFileHandle file = new(fd, ownsHandle: false);
            long length = checked((long)status.Size);
            if (kind == PathCheck.SquashfsKind)
            {
                Say(output, "content", ImageFileFacts.Squashfs);
                SaySquashfs(file, 0, length, output);
            }
            else
            {
                SaySif(file, length, output);
            }
        }
        catch (InvalidDataException e)
        {
            Say(output, "fault", e.Message);
        }
        catch (IOException e)
        {
            Say(output, "fault", $"it cannot be read: {e.Message}");
        }
    }

    internal static ImageFileFacts Judge(Func<string, string> said, bool local)
    {
        string Text(string key) => said(Prefix + key);
        long Number(string key) => long.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : 0;
        var compressor = (Compressor)Number("compressor");
        return new ImageFileFacts
        {
            Fault = Text("fault"),
            Content = Text("content"),
            Architecture = Text("architecture"),
            Offset = Number("offset"),
            SizeBytes = Number("size"),
            Inodes = Number("inodes"),
            Compressor = compressor,
            State = Text("state"),
            HasOverlay = Text("overlay") == "1",
            IsLocal = local,
            Undecodable = Text("content") == ImageFileFacts.Squashfs && Text("fault").Length == 0 ? BlockDecoder.Missing(compressor) : null,
        };
    }

    private static void SaySif(SafeFileHandle file, long length, ProbeOutput output)
    {
        var header = SifHeader.Read(new ImageBytes.OfFile(file, 0, length));
        if (header.Objects.Any(o => o.Type == SifObjectType.OciRootIndex))
        {
            Say(output, "content", ImageFileFacts.OciImage);
            return;
        }

        SifObject root = header.PrimaryPartition() ?? throw new InvalidDataException("it has no primary system partition that could be the root");
        Say(output, "architecture", root.Architecture.Length > 0 ? root.Architecture : header.Architecture);
        Say(output, "overlay", header.Objects.Any(o => o is { Type: SifObjectType.Partition, PartitionType: SifPartitionType.Overlay }) ? "1" : "");
        Say(output, "content", root.FileSystem switch
        {
            SifFileSystem.Squashfs => ImageFileFacts.Squashfs,
            SifFileSystem.EncryptedSquashfs => ImageFileFacts.EncryptedSquashfs,
            SifFileSystem.Ext3 => ImageFileFacts.Ext3,
            _ => throw new InvalidDataException($"its root is a partition of the unknown type {(int)root.FileSystem}"),
        });
        if (root.FileSystem == SifFileSystem.Squashfs)
        {
            SaySquashfs(file, root.Offset, root.SizeBytes, output);
        }
    }

    private static void SaySquashfs(SafeFileHandle file, long offset, long length, ProbeOutput output)
    {
        var super = Superblock.Read(new ImageBytes.OfFile(file, offset, length));
        output.Say(Prefix + "offset", offset);
        output.Say(Prefix + "size", super.BytesUsed);
        output.Say(Prefix + "inodes", super.Inodes);
        output.Say(Prefix + "compressor", (long)super.Compressor);
    }

    private static void Say(ProbeOutput output, string key, string value) => output.Say(Prefix + key, value);
}
