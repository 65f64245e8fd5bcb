namespace GridWrapper.Probing;

/// <summary>One mount.</summary>
internal sealed record MountEntry
{
    /// <summary>"major:minor".</summary>
    public required string Device { get; init; }

    /// <summary>The directory of the file system that is the root of this mount.</summary>
    public required string Root { get; init; }

    public required string MountPoint { get; init; }

    /// <summary>Options of this mount, comma-separated.</summary>
    public required string Options { get; init; }

    /// <summary>Type, such as "ext4", "fuse", "fuse.sshfs", "autofs".</summary>
    public required string FileSystem { get; init; }

    public required string Source { get; init; }

    /// <summary>Options of the file system, comma-separated.</summary>
    public required string SuperOptions { get; init; }

    /// <summary>Served by this node's own kernel from its own disks or memory, so that looking at it cannot hang on a server or a daemon.</summary>
    internal bool IsLocal => FileSystem is "ext2" or "ext3" or "ext4" or "xfs" or "btrfs" or "zfs" or "f2fs" or "bcachefs" or "tmpfs" or "ramfs" or "rootfs"
        or "devtmpfs" or "overlay" or "squashfs" or "erofs" or "iso9660" or "vfat" or "proc" or "sysfs" or "cgroup" or "cgroup2";

    internal bool IsFuse => FileSystem is "fuse" or "fuseblk" || FileSystem.StartsWith("fuse.", StringComparison.Ordinal);
}
