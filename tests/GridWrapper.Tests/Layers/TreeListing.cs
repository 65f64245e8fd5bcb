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

    internal static string[] Of(string path) => Of(path, _ => "");

    /// <summary>The same with the time of each entry, and of the directory itself.</summary>
    internal static string[] WithTimes(string path)
    {
        using SafeFileHandle root = At.OpenDirectory(path);
        At.Stat(root, [], out FileStat stat);
        return [$"/ {Convert.ToString(stat.Permissions, 8)}{Time(stat)}", .. Of(path, Time)];
    }

    private static string Time(FileStat stat) => string.Create(CultureInfo.InvariantCulture, $" @{stat.Modified.Seconds}.{stat.Modified.Nanoseconds:D9}");

    private static string[] Of(string path, Func<FileStat, string> time)
    {
        using SafeFileHandle root = At.OpenDirectory(path);
        var lines = new List<string>();
        Walk(root, EntryPath.Root, lines, time);
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

    private static void Walk(SafeFileHandle directory, EntryPath path, List<string> lines, Func<FileStat, string> time)
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
                    lines.Add($"{child.Latin1}/ {mode}{(At.HasXattr(sub!, "user.overlay.opaque"u8) ? " opaque" : "")}{time(stat)}");
                    Walk(sub!, child, lines, time);
                }
            }
            else if (stat.IsSymlink)
            {
                At.ReadLink(directory, name, out byte[] target);
                lines.Add($"{child.Latin1} -> {Encoding.Latin1.GetString(target)}{time(stat)}");
            }
            else
            {
                lines.Add($"{child.Latin1} {mode} {(stat.IsRegular ? Content(directory, name) : stat.IsCharacterDevice ? "whiteout" : "special")}{time(stat)}");
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
