using System.Formats.Tar;
using System.IO.Compression;
using GridWrapper.Diagnostics;

namespace GridWrapper.Running;

/// <summary>
/// Unpacks the user's source tarball into the job directory. An entry whose path leaves the directory, or passes through a symbolic link on its way, is refused: the
/// tarball belongs to the payload's user, the rest of the node does not.
/// </summary>
internal static class SandboxArchive
{
    /// <exception cref="GridWrapperException">Not a gzip tar, or a hostile one.</exception>
    internal static async Task UnpackAsync(string file, string directory, CancellationToken ct)
    {
        string entryName = "";
        try
        {
            await using FileStream packed = File.OpenRead(file);
            await using GZipStream stream = new(packed, CompressionMode.Decompress);
            await using TarReader reader = new(stream);
            while (await reader.GetNextEntryAsync(copyData: false, ct) is { } entry)
            {
                entryName = entry.Name;
                await PlaceAsync(entry, directory, ct);
            }
        }
        catch (IOException e) when (FileTrouble.ErrnoName(e) is "ENOSPC" or "EDQUOT")
        {
            throw new GridWrapperException(JobFailure.WorkDirectory(directory, e), e);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or FormatException)
        {
            throw Bad($"the sandbox {Path.GetFileName(file)} cannot be unpacked{(entryName.Length > 0 ? $" at '{entryName}'" : "")}: {Trouble(e)}");
        }
    }

    private static string Trouble(Exception e) => e is InvalidDataException or FormatException
        ? $"it is no tar file in gzip, or it is damaged ({e.Message.TrimEnd('.')})"
        : e is EndOfStreamException ? "it is damaged: it ends in the middle of a file" : FileTrouble.Describe(e);

    private static async Task PlaceAsync(TarEntry entry, string directory, CancellationToken ct)
    {
        if (entry.EntryType is TarEntryType.GlobalExtendedAttributes)
        {
            return;
        }

        string[] parts = [.. entry.Name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(p => p != ".")];
        if (entry.Name.StartsWith('/') || parts.Contains(".."))
        {
            throw Bad($"the sandbox holds '{entry.Name}', which leads out of the job directory");
        }

        if (parts.Length == 0)
        {
            return;
        }

        string parent = directory;
        foreach (string part in parts[..^1])
        {
            parent = Path.Combine(parent, part);
            if (new FileInfo(parent).LinkTarget is not null)
            {
                throw Bad($"the sandbox holds '{entry.Name}', whose path passes through a symbolic link");
            }

            Directory.CreateDirectory(parent);
        }

        string path = Path.Combine(parent, parts[^1]);
        switch (entry.EntryType)
        {
            case TarEntryType.Directory:
                Directory.CreateDirectory(path);
                break;
            case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                await WriteAsync(entry, path, ct);
                break;
            case TarEntryType.SymbolicLink:
                File.Delete(path);
                File.CreateSymbolicLink(path, entry.LinkName);
                break;
            case TarEntryType.HardLink:
                CopyLink(entry, directory, path);
                break;
            default:
                throw Bad($"the sandbox holds '{entry.Name}' of type {entry.EntryType}; only files, directories and links are expected");
        }
    }

    private static async Task WriteAsync(TarEntry entry, string path, CancellationToken ct)
    {
        File.Delete(path);
        UnixFileMode mode = (entry.Mode & ~(UnixFileMode.SetUser | UnixFileMode.SetGroup)) | UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using FileStream file = new(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode });
        if (entry.DataStream is { } data)
        {
            await data.CopyToAsync(file, ct);
        }
    }

    /// <summary>A hard link inside the tarball: the earlier entry's content once more.</summary>
    private static void CopyLink(TarEntry entry, string directory, string path)
    {
        string target = Path.GetFullPath(entry.LinkName, directory);
        if (!target.StartsWith(directory + "/", StringComparison.Ordinal) || new FileInfo(target).LinkTarget is not null)
        {
            throw Bad($"the sandbox holds '{entry.Name}', a link to '{entry.LinkName}' outside the job directory");
        }

        File.Copy(target, path, overwrite: true);
    }

    private static GridWrapperException Bad(string message) => new(new Failure
    {
        Blame = Blame.User,
        Phase = Phase.Job,
        Step = "unpack-sandbox",
        PilotErrorCode = PilotError.NoUserTarball,
        Message = message,
    });
}
