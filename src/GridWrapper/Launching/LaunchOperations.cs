namespace GridWrapper.Launching;

/// <summary>The vocabulary of the rootless launcher's operations and their numbers in src/init/plan.h.</summary>
internal static class LaunchOperations
{
    /// <summary>The host's mounts keep arriving, ours do not go out.</summary>
    internal const string SlaveRoot = "slave-root";

    /// <summary>A private tmpfs becomes the root until "enter".</summary>
    internal const string Base = "base";

    /// <summary>A mount point in the bottom layer: directory, or file with option "file", or of the kind of its source.</summary>
    internal const string Scaffold = "scaffold";

    /// <summary>A host directory as the next lower layer, topmost first.</summary>
    internal const string Layer = "layer";

    /// <summary>The layers together; option "writable" demands an upper layer, others are mount options.</summary>
    internal const string Overlay = "overlay";

    /// <summary>A host path, recursively; options "ro", "optional".</summary>
    internal const string Bind = "bind";

    /// <summary>A tmpfs; options are mount options.</summary>
    internal const string Tmpfs = "tmpfs";

    /// <summary>A fresh /proc of the own pid namespace.</summary>
    internal const string Proc = "proc";

    /// <summary>A minimal /dev from the host's.</summary>
    internal const string Devices = "devices";

    /// <summary>A file with the source as its content.</summary>
    internal const string WriteFile = "write-file";

    /// <summary>A file with the content of a host file; option "optional".</summary>
    internal const string CopyFile = "copy-file";

    /// <summary>The image's own file with the source put before its first line.</summary>
    internal const string Identity = "identity";

    internal const string ReadOnlyRoot = "read-only-root";

    /// <summary>The new root becomes /, the host's tree is detached.</summary>
    internal const string Enter = "enter";

    /// <summary>Where overlay does not work: a host directory is the root, read-only; scaffolds then add to it what it lacks.</summary>
    internal const string Underlay = "underlay";

    /// <summary>A file or directory of the kernel's is replaced by an empty one, where it exists.</summary>
    internal const string Mask = "mask";

    /// <summary>The layers together by a host program, fuse-overlayfs, where the kernel's overlay cannot.</summary>
    internal const string FuseOverlay = "fuse-overlay";

    /// <summary>
    /// The root is tested: option "gone", "directory", "size=N" (a file that can be read, unless it is closed to the user), "write" (something can be made in it), "copy-up" (a file of a layer can be changed).
    /// </summary>
    internal const string Expect = "expect";

    /// <summary>A squashfs in a host file, on a host directory that only this launch sees changed; the options are the program that serves it, a blank, and its own.</summary>
    internal const string Image = "image";

    /// <summary>What gridwrap itself serves, on a host directory that only this launch sees changed.</summary>
    internal const string Serve = "serve";

    /// <summary>Probe only: a FUSE file system mounted and unmounted.</summary>
    internal const string FuseTest = "fuse-test";

    /// <summary>Probe only: an overlay with a file written, renamed and removed.</summary>
    internal const string OverlayTest = "overlay-test";

    /// <summary>The second word of an operation on the wire.</summary>
    [Flags]
    internal enum Flags : uint
    {
        None = 0,
        ReadOnly = 1,
        Optional = 2,
        File = 4,
    }

    internal static (uint Kind, OperationContent Content) Wire(string op) => op switch
    {
        SlaveRoot => (1, OperationContent.Nothing),
        Base => (2, OperationContent.Nothing),
        Scaffold => (3, OperationContent.Path),
        Layer => (4, OperationContent.Path),
        Overlay => (5, OperationContent.Nothing),
        Bind => (6, OperationContent.Path),
        Tmpfs => (7, OperationContent.Nothing),
        Proc => (8, OperationContent.Nothing),
        Devices => (9, OperationContent.Path),
        WriteFile => (10, OperationContent.Text),
        CopyFile => (11, OperationContent.Path),
        Identity => (12, OperationContent.Text),
        ReadOnlyRoot => (13, OperationContent.Nothing),
        Enter => (14, OperationContent.Nothing),
        OverlayTest => (15, OperationContent.Nothing),
        Underlay => (16, OperationContent.Path),
        Mask => (17, OperationContent.Nothing),
        FuseOverlay => (18, OperationContent.Path),
        Expect => (19, OperationContent.Nothing),
        Image => (20, OperationContent.Path),
        FuseTest => (21, OperationContent.Nothing),
        Serve => (22, OperationContent.Nothing),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "no such launch operation"),
    };

    /// <summary>Takes our own words out of the options; what remains is for mount(2).</summary>
    internal static Flags FlagsOf(LaunchOperation operation, out string rest)
    {
        Flags flags = operation.Op == Overlay ? Flags.ReadOnly : Flags.None;
        List<string> others = [];
        foreach (string option in operation.Options.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (option)
            {
                case "ro":
                    flags |= Flags.ReadOnly;
                    break;
                case "optional":
                    flags |= Flags.Optional;
                    break;
                case "file":
                    flags |= Flags.File;
                    break;
                case "writable":
                    flags &= ~Flags.ReadOnly;
                    break;
                default:
                    others.Add(option);
                    break;
            }
        }

        rest = string.Join(',', others);
        return flags;
    }
}

/// <summary>What the source of an operation is.</summary>
internal enum OperationContent
{
    Nothing,

    /// <summary>A host path.</summary>
    Path,

    /// <summary>The content of a file.</summary>
    Text,
}
