using GridWrapper.Diagnostics;
using GridWrapper.Linux;
using GridWrapper.Outputs;

namespace GridWrapper.Staging;

/// <summary>
/// Files in directories of the node. Deliveries are copied under a hidden name, read again, and renamed. Inputs are copied by a program, because they may lie on a
/// file system that hangs (CVMFS, NFS), and a hung read would make this process unkillable.
/// </summary>
internal sealed class DirectoryStorage(StorageContext context) : IStorage
{
    public Task<string?> RefusalAsync(CancellationToken ct) => Task.FromResult<string?>(null);

    public async Task DeliverAsync(OutputFile file, string place, CancellationToken ct)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            if (FileIdentity.Of(place) is { } standing)
            {
                bool same = standing.Kind == FileKind.Regular && await FileSum.OfAsync(place, ct) == new FileSum(file.SizeBytes, file.Adler32);
                if (!same)
                {
                    throw new StorageException(StorageTrouble.Taken, $"something else stands at {place} already");
                }

                return;
            }

            await CopyAsync(file, place, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or LinuxException)
        {
            throw Fault(e, place);
        }
    }

    public async Task<FileChecksum?> FetchAsync(string place, string target, CancellationToken ct)
    {
        using StallGuard guard = context.Guard(0, ct);
        HelperEnd end;
        try
        {
            end = await HelperProgram.RunAsync(["cp", "--", place, target], context, _ => { }, guard);
        }
        catch (OperationCanceledException e) when (guard.Stalled)
        {
            throw new StorageException(StorageTrouble.Stalled, $"copying {place} moved nothing for too long", e);
        }

        if (end.Code == 0)
        {
            return null;
        }

        bool Says(string part) => end.Errors.Contains(part, StringComparison.Ordinal);
        StorageTrouble trouble = Says("No such file or directory") && !Says("cannot create") ? StorageTrouble.Absent
            : Says("No space left") || Says("quota exceeded") || Says("cannot create") ? StorageTrouble.Local
            : Says("Permission denied") ? StorageTrouble.Denied
            : StorageTrouble.Broken;
        throw new StorageException(trouble, $"{place} could not be copied: {end.LastWords}");
    }

    private static StorageException Fault(Exception e, string place)
    {
        StorageTrouble trouble = FileTrouble.ErrnoName(e) switch
        {
            "ENOSPC" or "EDQUOT" => StorageTrouble.Full,
            "EACCES" or "EPERM" or "EROFS" => StorageTrouble.Denied,
            "ENOENT" or "ENOTDIR" or "ENAMETOOLONG" => StorageTrouble.Unusable,
            _ => StorageTrouble.Broken,
        };
        return new StorageException(trouble, $"{place} cannot be written: {FileTrouble.Describe(e)}", e);
    }

    private static async Task CopyAsync(OutputFile file, string place, CancellationToken ct)
    {
        string partial = TarPacker.PartialName(place);
        try
        {
            await CopyContentAsync(file.Path, partial, ct);
            FileSum copied = await FileSum.OfAsync(partial, ct);
            if (copied != new FileSum(file.SizeBytes, file.Adler32))
            {
                throw new StorageException(
                    StorageTrouble.Mismatch,
                    string.Create(CultureInfo.InvariantCulture, $"the copy at {place} has {copied.SizeBytes} bytes and checksum {copied.Adler32}, the file {file.SizeBytes} bytes and {file.Adler32}"));
            }

            File.Move(partial, place, overwrite: false);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    private static async Task CopyContentAsync(string source, string target, CancellationToken ct)
    {
        await using FileStream from = new(source, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
        await using FileStream to = new(target, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.Asynchronous);
        await from.CopyToAsync(to, 1024 * 1024, ct);
        await to.FlushAsync(ct);
        RandomAccess.FlushToDisk(to.SafeFileHandle);
    }
}
