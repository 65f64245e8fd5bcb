namespace GridWrapper.Strategies;

/// <summary>A squashfs in a file, to be mounted by a program of the node.</summary>
/// <param name="Program">Absolute path of squashfuse_ll or squashfuse.</param>
/// <param name="File">Absolute path of the image file.</param>
/// <param name="Offset">Where the squashfs begins in it.</param>
/// <param name="TakesOwner">The program can be told to whom the files belong.</param>
internal sealed record ImageMount(string Program, string File, long Offset, bool TakesOwner);
