using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Tests.Layers;

/// <summary>A tree as sorted lines "type mode path [content or target]", and a scratch directory for making one.</summary>
internal static class TreeListing
{
    internal static string NewDirectory()
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "scratch", Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(path);
        return path;
    }

    internal static string[] Of(string path)
    {
        using SafeFileHandle root = At.OpenDirectory(path);
        var lines = new List<string>();
        Walk(root, EntryPath.Root, lines);
        lines.Sort(StringComparer.Ordinal);
        return [.. lines];
    }

    /// <summary>Unpacks into a fresh directory and tells both.</summary>
    internal static (string Path, LayerIndex Index) Extract(byte[] tar)
    {
        string path = NewDirectory();
        using SafeFileHandle root = At.OpenDirectory(path);
        using var extractor = new LayerExtractor(root, ExtractionLimits.ForBlob(tar.Length));
        return (path, extractor.Extract(new MemoryStream(tar), overlayMarkers: true, CancellationToken.None));
    }

    private static void Walk(SafeFileHandle directory, EntryPath path, List<string> lines)
    {
        foreach (byte[] name in At.Names(directory))
        {
            EntryPath child = path.Child(Encoding.Latin1.GetString(name));
            At.Stat(directory, name, out FileStat stat);
            string mode = Convert.ToString(stat.Permissions, 8);
            if (stat.IsDirectory)
            {
                At.OpenSubdirectory(directory, name, out SafeFileHandle? sub);
                using (sub)
                {
                    lines.Add($"{child.Latin1}/ {mode}{(At.HasXattr(sub!, "user.overlay.opaque"u8) ? " opaque" : "")}");
                    Walk(sub!, child, lines);
                }
            }
            else if (stat.IsSymlink)
            {
                At.ReadLink(directory, name, out byte[] target);
                lines.Add($"{child.Latin1} -> {Encoding.Latin1.GetString(target)}");
            }
            else
            {
                lines.Add($"{child.Latin1} {mode} {(stat.IsRegular ? Content(directory, name) : stat.IsCharacterDevice ? "whiteout" : "special")}");
            }
        }
    }

    private static string Content(SafeFileHandle directory, byte[] name)
    {
        At.Open(directory, name, Libc.O_RDONLY, 0, out SafeFileHandle? file);
        using (file)
        {
            byte[] bytes = new byte[RandomAccess.GetLength(file!)];
            RandomAccess.Read(file!, bytes, 0);
            return Encoding.Latin1.GetString(bytes);
        }
    }
}
