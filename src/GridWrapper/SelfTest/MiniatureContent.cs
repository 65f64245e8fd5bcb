namespace GridWrapper.SelfTest;

/// <summary>What the layers of the miniature image hold.</summary>
internal static class MiniatureContent
{
    /// <summary>In layer 2, deleted by layer 3: must not be seen in the container.</summary>
    internal const string DeletedFile = "etc/deleted";

    /// <summary>In layer 2 with files "old" and "older", made opaque by layer 3, which adds "new".</summary>
    internal const string OpaqueDirectory = "opt/opaque";

    /// <summary>Mode 0700, with one file.</summary>
    internal const string PrivateDirectory = "opt/private";

    /// <summary>Entries of the layers, base layer first.</summary>
    internal static ImmutableArray<ImmutableArray<MiniatureEntry>> Layers(NodePrograms programs, string marker) =>
        [Base(programs), System(), Changes(marker)];

    /// <summary>Programs, their libraries, and the directories that every image has.</summary>
    private static ImmutableArray<MiniatureEntry> Base(NodePrograms programs) =>
    [
        .. programs.Entries,
        new MiniatureEntry.Folder("dev"), new MiniatureEntry.Folder("home"), new MiniatureEntry.Folder("mnt"), new MiniatureEntry.Folder("proc"),
        new MiniatureEntry.Folder("root", MiniatureEntry.OwnerOnly), new MiniatureEntry.Folder("run"), new MiniatureEntry.Folder("srv"),
        new MiniatureEntry.Folder("sys"),
        new MiniatureEntry.Folder("tmp", MiniatureEntry.Temporary), new MiniatureEntry.Folder("var/tmp", MiniatureEntry.Temporary),
    ];

    private static ImmutableArray<MiniatureEntry> System() =>
    [
        MiniatureEntry.Text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"),
        MiniatureEntry.Text("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
        MiniatureEntry.Text("etc/os-release", "ID=gridwrap-miniature\nNAME=\"gridwrap miniature image\"\nVERSION_ID=1\n"),
        MiniatureEntry.Text(DeletedFile, "layer 3 deletes this file\n"),
        MiniatureEntry.Text(OpaqueDirectory + "/old", "layer 3 hides this file\n"),
        MiniatureEntry.Text(OpaqueDirectory + "/older/file", "layer 3 hides this file\n"),
    ];

    private static ImmutableArray<MiniatureEntry> Changes(string marker) =>
    [
        MiniatureEntry.Whiteout(DeletedFile),
        MiniatureEntry.Opaque(OpaqueDirectory),
        MiniatureEntry.Text(OpaqueDirectory + "/new", "layer 3 brought this file\n"),
        new MiniatureEntry.Folder(PrivateDirectory, MiniatureEntry.OwnerOnly),
        MiniatureEntry.Text(PrivateDirectory + "/file", "readable by the owner of the tree\n", UnixFileMode.UserRead | UnixFileMode.UserWrite),
        MiniatureEntry.Text(MiniatureImage.MarkerPath, marker + "\n"),
        new MiniatureEntry.HardLink("srv/marker-hard", MiniatureImage.MarkerPath),
        new MiniatureEntry.SymbolicLink("srv/marker-link", "marker"),
    ];
}
