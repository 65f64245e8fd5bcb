using GridWrapper.Diagnostics;
using GridWrapper.Linux;

namespace GridWrapper.Layers;

/// <summary>What keeps a directory from being a cache. The site's matter: another node may be better.</summary>
internal static class CacheFault
{
    internal const string Step = "prepare-cache";
    private const string Choose = "choose another with --cache, GRIDWRAP_CACHE or the profile's cache.directory";

    /// <summary>It cannot be made or written to.</summary>
    internal static GridWrapperException Unusable(string cache, Exception inner)
    {
        string? errno = FileTrouble.ErrnoName(inner);
        string why = errno switch
        {
            "EROFS" => "its file system is read-only",
            "EACCES" or "EPERM" => string.Create(CultureInfo.InvariantCulture, $"uid {Libc.GetUid()} may not write there"),
            "ENOTDIR" or "EEXIST" => "something that is no directory stands in its place or above it",
            "ENOSPC" => "no space or no inodes are left there",
            "EDQUOT" => "the user's quota there is used up",
            _ => FileTrouble.Describe(inner),
        };
        return Fault($"the cache {cache} cannot be made or written to: {why} ({inner.Message.TrimEnd('.')}); {Choose}", errno, inner);
    }

    internal static GridWrapperException Foreign(string cache, uint uid, uint permissions) => Fault(
        $"the cache {cache} belongs to uid {uid} with mode {Convert.ToString(permissions, 8)}; it must belong to uid {Libc.GetUid()} and be writable by nobody else. Remove it, or {Choose}",
        null,
        null);

    /// <summary>Locks that hang or lie make every other job wait, or two of them write one file.</summary>
    internal static GridWrapperException NoLocks(string cache, string fileSystem, LinuxException? inner) => Fault(
        $"the cache {cache} lies on {fileSystem}, where locks between jobs {(inner is null ? "cannot be relied on" : $"are refused ({inner.Message})")}; choose a directory on local disk with --cache, GRIDWRAP_CACHE or the profile's cache.directory "
            + "(a directory there can be read by all nodes as one of the profile's cacheRoots)",
        inner?.ErrnoName,
        inner);

    /// <summary>Space ran out, was seen to run out, and making room did not help.</summary>
    /// <param name="doing">What was going on, or what is wanted.</param>
    internal static GridWrapperException NoRoom(string cache, string doing, FileSystemState state, Exception? inner) => new(
        Failure.OfNode(
            "make-room",
            PilotError.NoLocalSpace,
            $"{doing}; the cache {cache} has {Free(state)} after everything that nobody uses was removed; free space there (or inodes, or quota), or {Choose}") with { Errno = inner is null ? "ENOSPC" : FileTrouble.ErrnoName(inner) ?? "ENOSPC" },
        inner);

    /// <summary>For people: "12 MB and 345 inodes free".</summary>
    internal static string Free(FileSystemState state) => state.FreeInodes == long.MaxValue
        ? string.Create(CultureInfo.InvariantCulture, $"{state.FreeBytes / 1e6:0} MB free")
        : string.Create(CultureInfo.InvariantCulture, $"{state.FreeBytes / 1e6:0} MB and {state.FreeInodes} inodes free");

    private static GridWrapperException Fault(string message, string? errno, Exception? inner) => new(
        Failure.OfNode(Step, errno is "ENOSPC" or "EDQUOT" ? PilotError.NoLocalSpace : PilotError.Mkdir, message) with { Errno = errno },
        inner);
}
