namespace GridWrapper.Probing;

/// <summary>What a probe child can be asked; the second word of its command line.</summary>
internal static class ProbeKind
{
    /// <summary>ROOT NAME: is this repository healthy?</summary>
    internal const string Repository = "cvmfs-repo";

    /// <summary>BASE WANTED-HEX-OR-EMPTY ROOT NAME…: which flat tree do these names lead to?</summary>
    internal const string Image = "cvmfs-image";

    /// <summary>TREE: does this tree still open and read?</summary>
    internal const string Tree = "cvmfs-tree";

    /// <summary>BASE CHAINS(0|1) BLOB-HEX…: which of these layers are there, and which chain of them?</summary>
    internal const string Layers = "cvmfs-layers";

    /// <summary>ENTRIES SECONDS LAYERFS…: what would an overlay mount misunderstand in each of these layers?</summary>
    internal const string Markers = "cvmfs-markers";

    /// <summary>COUNT TREE… PATH…: what are these paths in each of so many trees?</summary>
    internal const string Places = "cvmfs-places";

    /// <summary>BASE NAME…: the manifest that the repository remembers under one of these names.</summary>
    internal const string Manifest = "cvmfs-manifest";

    /// <summary>BASE IMAGE-ID: the image's configuration, where the repository keeps it.</summary>
    internal const string Configuration = "cvmfs-config";

    /// <summary>COUNT LAYER… CANDIDATE…: what does the first of these programs that is there need to start?</summary>
    internal const string Program = "program-needs";

    /// <summary>PATH ROOT: directory, SIF or squashfs?</summary>
    internal const string Path = "path-kind";

    /// <summary>OWN-IDENTITY CANDIDATE…: which of these programs exist, and what do they call themselves?</summary>
    internal const string Runtime = "runtime";

    /// <summary>PATH OFFSET LENGTH TARGET: copy that part of a file to a new one.</summary>
    internal const string CopyFile = "copy-file";

    /// <summary>PATH OFFSET LENGTH TARGET: copy what tells what an image is out of this squashfs into a directory.</summary>
    internal const string ImageLook = "image-look";

    /// <summary>Words of <see cref="InsideQuestion"/>: what does the image's tree hold?</summary>
    internal const string Inside = "image-inside";

    /// <summary>PATH: free space there.</summary>
    internal const string Space = "space";
}
