using GridWrapper.Diagnostics;
using GridWrapper.Layers;
using GridWrapper.Linux;
using Microsoft.Win32.SafeHandles;

namespace GridWrapper.Running;

/// <summary>
/// Private disk space of one run, below the cache, shown to the payload as /tmp. Removed at the end; what a killed run left behind is removed by the next
/// one. Whether a run lives is told by the lock that it holds, not by its process number: containers that share a cache have numbers of their own.
/// </summary>
internal sealed class ScratchDirectory : IDisposable
{
    private const string Prefix = "run-";
    private const string LockSuffix = ".lock";
    private const int MostNames = 1000;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly RoomLog Log = new(nameof(ScratchDirectory));

    private readonly FileLock _held;

    private ScratchDirectory(string path, FileLock held) => (Path, _held) = (path, held);

    /// <summary>Absolute path, mode 0700, empty.</summary>
    internal string Path { get; }

    /// <summary>The path a run of this process would use. A dry run shows it without making it.</summary>
    internal static string Name(string cacheDirectory) =>
        System.IO.Path.Combine(cacheDirectory, "scratch", string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}"));

    /// <exception cref="GridWrapperException">The cache is not writable or full.</exception>
    internal static ScratchDirectory Create(string cacheDirectory)
    {
        try
        {
            return Make(cacheDirectory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CacheFault.Unusable(cacheDirectory, e);
        }
    }

    private static ScratchDirectory Make(string cacheDirectory)
    {
        string first = Name(cacheDirectory);
        string parent = System.IO.Path.GetDirectoryName(first)!;
        Directory.CreateDirectory(parent, OwnerOnly);
        Sweep(parent);
        for (int i = 0; i < MostNames; i++)
        {
            string path = i == 0 ? first : string.Create(CultureInfo.InvariantCulture, $"{first}-{i}");
            if (FileLock.TryAcquire(path + LockSuffix) is not { } held)
            {
                continue;
            }

            try
            {
                TreeRemover.Remove(path);
                Directory.CreateDirectory(path, OwnerOnly);
                return new ScratchDirectory(path, held);
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }

        throw new IOException($"{first} is in use, and so are {MostNames} names like it");
    }

    public void Dispose()
    {
        using (_held)
        {
            TreeRemover.Remove(Path);
            File.Delete(Path + LockSuffix);
        }
    }

    /// <summary>Removes what nobody holds. What resists is left to somebody else: it must not keep this run from running.</summary>
    private static void Sweep(string parent)
    {
        using SafeFileHandle directory = At.OpenDirectory(parent);
        foreach (byte[] left in At.Names(directory))
        {
            string name = Encoding.UTF8.GetString(left);
            if (!name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                continue;
            }

            string path = System.IO.Path.Combine(parent, name.EndsWith(LockSuffix, StringComparison.Ordinal) ? name[..^LockSuffix.Length] : name);
            try
            {
                using FileLock? held = FileLock.TryAcquire(path + LockSuffix);
                if (held is not null)
                {
                    TreeRemover.Remove(path);
                    File.Delete(path + LockSuffix);
                }
            }
            catch (IOException e)
            {
                Log.Info("the scratch directory {Path} of a dead run cannot be removed: {Trouble}", path, FileTrouble.Describe(e));
            }
        }
    }
}
